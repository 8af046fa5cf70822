"""One kube-apiserver on loopback TLS, with its port reserved, its own CA and a reloading encryption configuration."""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline.core.encryption import EncryptionConfiguration
from pipeline.harness.api import ApiClient, Reply
from pipeline.harness.pki import ADMIN_GROUP, Authority, KeyPair
from pipeline.harness.ports import ReservedPort
from pipeline.harness.process import Process, Setting
from pipeline.harness.supervisor import Supervisor
from pipeline.harness.waiting import wait_until

# k/k PR 137743 saw 31-35 s on contended runners and settled on 60 s; a death ends the wait at once.
READY_TIMEOUT_S: Final = 90.0
ALIAS: Final = "kube-apiserver"
_READY_POLL_S: Final = 0.05
# Documentation addresses (RFC 5737): without a default route kube-apiserver finds no address to advertise,
# and loopback is refused.
_ADVERTISED: Final = (f"192.0.2.{number}" for number in itertools.cycle(range(1, 255)))


@dataclass(frozen=True, slots=True)
class ApiServerOptions:
    """What may differ between API servers.

    `flags` are added after the harness's own, so they win. `bind_address` is where it listens (loopback). `binary` is
    its file among the assets.
    `service_accounts`: pods get the service account of their namespace, which kube-controller-manager has to create.
    """

    flags: tuple[str, ...] = ()
    bind_address: str = "127.0.0.1"
    host_names: tuple[str, ...] = ()
    name: str = ALIAS
    service_accounts: bool = False
    binary: str = ALIAS


class KubeApiServer:
    """One kube-apiserver process of a control plane."""

    def __init__(
        self, binary: Path, supervisor: Supervisor, *, etcd: str, options: ApiServerOptions | None = None
    ) -> None:
        """Issue certificates and reserve a port; `etcd` is etcd's client URL."""
        self.options = options or ApiServerOptions()
        self._binary = binary
        self._supervisor = supervisor
        self._etcd = etcd
        self._folder = supervisor.folder / self.options.name
        self._authority = Authority(self._folder)
        self._serving = self._authority.serving(
            "serving",
            hosts=(ALIAS, "localhost", "kubernetes.default.svc", *self.options.host_names),
            addresses=("127.0.0.1", "10.0.0.1"),
        )
        self.service_account_key = self._authority.service_account_key()
        self.admin = self._authority.client("admin", group=ADMIN_GROUP)
        self.port = ReservedPort(self.options.bind_address)
        self.url = f"https://127.0.0.1:{self.port.number}"
        self.api = ApiClient(self.url, authority=self._authority.certificate, client=self.admin)
        self.configuration_path = self._folder / "encryption.json"
        self.process: Process | None = None

    @property
    def authority(self) -> Path:
        """Return the file of the CA that clients trust."""
        return self._authority.certificate

    def write_configuration(self, configuration: EncryptionConfiguration) -> None:
        """Replace the encryption configuration by rename, so that nobody reads half a file."""
        temporary = self.configuration_path.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(configuration.to_json())
        temporary.replace(self.configuration_path)

    def use(self, binary: Path, flags: tuple[str, ...] = ()) -> None:
        """Take another binary, with `flags` in place of those of its options, from the next start on."""
        self._binary = binary
        self.options = replace(self.options, flags=flags)

    def start(self) -> None:
        """Start the process without waiting for anything."""
        self.process = self._supervisor.spawn(self.options.name, self._argv(), setting=Setting(_without_proxies()))

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until /readyz answers 200, which includes kms-providers.

        Raises: ProcessError when the process dies, DeadlineError with the last answer after `timeout_s`.
        """
        self._wait("readyz", timeout_s)
        self._supervisor.event(self.options.name, "ready")

    def wait_live(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until /livez answers 200: it serves, but what it stores may be unreadable.

        Raises: ProcessError when the process dies, DeadlineError with the last answer after `timeout_s`.
        """
        self._wait("livez", timeout_s)

    def _wait(self, endpoint: str, timeout_s: float) -> None:
        def answers() -> str | bool:
            reply = self.api.get(f"/{endpoint}?verbose")
            return reply.ok or f"not yet: {_failed_checks(reply)}"

        alive = [self.process] if self.process is not None else []
        what = f"{self.options.name}: /{endpoint} answers 200"
        wait_until(what, answers, timeout_s=timeout_s, poll_s=_READY_POLL_S, alive=alive)

    def stop(self, *, kill: bool = False) -> None:
        """Stop the process, if it runs; the port stays reserved."""
        if self.process is not None:
            self._supervisor.stop(self.process, kill=kill)
            self.process = None

    def close(self) -> None:
        """Kill the process, whose orderly end takes 1.2 s and serves nobody any more, and give the port back."""
        self.stop(kill=True)
        self.api.close()
        self.port.close()

    def issue_client(self, user: str) -> KeyPair:
        """Issue a client certificate for a user without a group; it may do what RBAC allows the user."""
        return self._authority.client(user)

    def issue_serving(self, name: str) -> KeyPair:
        """Issue a serving certificate for another component on 127.0.0.1."""
        return self._authority.serving(name, hosts=(name, "localhost"), addresses=("127.0.0.1",))

    def write_kubeconfig(self, path: Path, client: KeyPair | None = None) -> Path:
        """Write a kubeconfig (mode 0600) for kubectl and client-go; it names files, so it lives with the plane.

        `client` is who it is for, the administrator by default.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(json.dumps(_kubeconfig(self.url, self.authority, client or self.admin), indent=2) + "\n")
        return path

    def _argv(self) -> list[str]:
        return [
            str(self._binary),
            f"--etcd-servers={self._etcd}",
            f"--bind-address={self.options.bind_address}",
            f"--secure-port={self.port.number}",
            "--permit-port-sharing=true",
            f"--advertise-address={next(_ADVERTISED)}",
            f"--cert-dir={self._folder}",
            f"--tls-cert-file={self._serving.certificate}",
            f"--tls-private-key-file={self._serving.key}",
            f"--client-ca-file={self._authority.certificate}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.service_account_key}",
            f"--service-account-signing-key-file={self.service_account_key}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--authorization-mode=RBAC",
            # Where nobody creates a namespace's default service account pods would wait for it.
            *([] if self.options.service_accounts else ["--disable-admission-plugins=ServiceAccount"]),
            f"--encryption-provider-config={self.configuration_path}",
            "--encryption-provider-config-automatic-reload=true",
            *self.options.flags,
        ]


def _without_proxies() -> dict[str, str]:
    """Return the environment without the user's proxies, which kube-apiserver would send requests to nodes through."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def _failed_checks(reply: Reply) -> str:
    failed = [line for line in reply.text.splitlines() if line.startswith("[-]")]
    return "; ".join(failed) or str(reply)


def _kubeconfig(url: str, authority: Path, client: KeyPair) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "kms-e2e",
        "clusters": [{"name": "kms-e2e", "cluster": {"server": url, "certificate-authority": str(authority)}}],
        "users": [
            {"name": "client", "user": {"client-certificate": str(client.certificate), "client-key": str(client.key)}}
        ],
        "contexts": [{"name": "kms-e2e", "context": {"cluster": "kms-e2e", "user": "client"}}],
    }
