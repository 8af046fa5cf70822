"""A control plane as a service: `python -m pipeline.suite.serve run`, with certificates that were made before.

The certificates are an input, so that the kubeconfig can be handed out before the service starts, and the service
can be stopped and started without invalidating it.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.errors import KmsE2EError
from pipeline.harness.api import ApiClient
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions
from pipeline.harness.kube_apiserver import ApiServerOptions
from pipeline.harness.pki import ADMIN_GROUP, Authority, KeyPair
from pipeline.suite.equipment import assert_control_plane, load_equipment

DEFAULT_PORT: Final = 6443
_POLL_S: Final = 0.5
# The address of the Kubernetes service in the harness's service network comes first, as clients inside expect.
_ADDRESSES: Final = ("127.0.0.1", "10.0.0.1")


def write_pki(folder: Path, hosts: Sequence[str]) -> None:
    """Write CA, serving and admin certificates and the service-account key of one run to a folder."""
    authority = Authority(folder)
    authority.serving("serving", hosts=("localhost", "kubernetes.default.svc", *hosts), addresses=_ADDRESSES)
    authority.client("admin", group=ADMIN_GROUP)
    authority.service_account_key()


def kubeconfig(pki: Path, server: str) -> str:
    """Return a kubeconfig that holds its certificates, for a server such as `https://kube-apiserver:6443`."""

    def embedded(name: str) -> str:
        return base64.b64encode((pki / name).read_bytes()).decode()

    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "kms-e2e",
        "clusters": [
            {"name": "kms-e2e", "cluster": {"server": server, "certificate-authority-data": embedded("ca.crt")}}
        ],
        "users": [
            {
                "name": "admin",
                "user": {
                    "client-certificate-data": embedded("admin.crt"),
                    "client-key-data": embedded("admin.key"),
                },
            }
        ],
        "contexts": [{"name": "kms-e2e", "context": {"cluster": "kms-e2e", "user": "admin"}}],
    }
    return json.dumps(document, indent=2) + "\n"


def serve(assets: Path, report: Path, pki: Path, port: int) -> None:
    """Run a control plane on all addresses until SIGTERM or Ctrl-C.

    Raises: KmsE2EError when a part does not start, or dies.
    """
    assert_control_plane(assets)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    options = ControlPlaneOptions(api_server=ApiServerOptions(flags=_flags(pki, port)))
    plane = ControlPlane("service", load_equipment(assets, report), options)
    plane.server.api.close()
    admin = KeyPair(pki / "admin.crt", pki / "admin.key")
    plane.server.url = f"https://127.0.0.1:{port}"
    plane.server.api = ApiClient(plane.server.url, authority=pki / "ca.crt", client=admin)
    with plane:
        print(f"ready: port {port}, encrypting Secrets with {plane.plugin.spec.name}", flush=True)
        while not stop.wait(_POLL_S):
            plane.assert_alive()
    print("stopped")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the commands and return the exit code: 0, or 2 with a message."""
    options = _parser().parse_args(argv)
    try:
        if options.command == "pki":
            write_pki(options.pki, options.host)
        elif options.command == "kubeconfig":
            _write_private(options.output, kubeconfig(options.pki, options.server))
        else:
            serve(options.assets, options.report, options.pki, options.port)
    except KmsE2EError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _flags(pki: Path, port: int) -> tuple[str, ...]:
    key = pki / "service-account.key"
    return (
        "--bind-address=0.0.0.0",
        f"--secure-port={port}",
        f"--tls-cert-file={pki / 'serving.crt'}",
        f"--tls-private-key-file={pki / 'serving.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
    )


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m pipeline.suite.serve", description="A control plane as a service.")
    commands = parser.add_subparsers(dest="command", required=True)
    pki = commands.add_parser("pki", help="make the certificates of one run")
    pki.add_argument("--host", nargs="*", default=["kube-apiserver"], help="names that clients reach the service by")
    config = commands.add_parser("kubeconfig", help="write a kubeconfig with the certificates in it")
    config.add_argument("--server", required=True, help="URL of the service")
    config.add_argument("--output", type=Path, required=True, help="file to write, readable by its owner only")
    run = commands.add_parser("run", help="run the control plane until it is stopped")
    run.add_argument("--assets", type=Path, required=True, help="folder with kube-apiserver, etcd and plugin.json")
    run.add_argument("--report", type=Path, required=True, help="folder for logs and calls")
    run.add_argument("--port", type=int, default=DEFAULT_PORT, help="TCP port of kube-apiserver")
    for command in (pki, config, run):
        command.add_argument("--pki", type=Path, required=True, help="folder of the certificates")
    return parser


if __name__ == "__main__":
    sys.exit(main())
