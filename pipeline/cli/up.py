"""`kms-e2e up`: keep a control plane running."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pipeline.cli.assets import AssetsOption, ConfigOption, ensure_assets

if TYPE_CHECKING:
    from pipeline.harness.control_plane import ControlPlane

_POLL_S = 0.5


def up(
    config: ConfigOption = None,
    assets: AssetsOption = None,
    report: Path = typer.Option(Path("_artifacts/up"), "--report", help="Folder for logs and calls."),
) -> None:
    """Keep a control plane with the plugin running until Ctrl-C, and say how to use it."""
    # Here and not above, so that other commands do not wait for gRPC and certificates.
    from pipeline.harness.control_plane import ControlPlane  # noqa: PLC0415
    from pipeline.suite.equipment import assert_control_plane, load_equipment  # noqa: PLC0415

    folder = ensure_assets(assets, config)
    assert_control_plane(folder)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ControlPlane("up", load_equipment(folder, report)) as plane:
        kubeconfig = plane.server.write_kubeconfig(plane.supervisor.folder / "kubeconfig")
        print(_advice(plane, kubeconfig), flush=True)
        while not stop.wait(_POLL_S):
            plane.assert_alive()
    print("stopped")


def _advice(plane: ControlPlane, kubeconfig: Path) -> str:
    socket = plane.plugin.socket
    return (
        f"ready: {plane.server.url}, encrypting Secrets with {plane.plugin.spec.name}\n"
        f"  export KUBECONFIG={kubeconfig}\n"
        "  kubectl create secret generic demo --from-literal=password=hunter2\n"
        f"  curl --silent --unix-socket {plane.etcd.socket} http://etcd/v3/kv/range "
        '-d \'{"key":"L3JlZ2lzdHJ5L3NlY3JldHMvZGVmYXVsdC9kZW1v"}\'   # the raw value of that Secret, in base64\n'
        f"  kms-e2e probe unix://{socket}\n"
        "Ctrl-C stops it."
    )
