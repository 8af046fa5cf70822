"""A component beside one kube-apiserver: a kubeconfig of its own, a reserved port, and /healthz to wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline.harness.api import ApiClient
from pipeline.harness.kube_apiserver import KubeApiServer
from pipeline.harness.ports import ReservedPort
from pipeline.harness.process import Process, Setting
from pipeline.harness.supervisor import Supervisor
from pipeline.harness.waiting import wait_until

KUBE_CONTROLLER_MANAGER: Final = "kube-controller-manager"
KUBE_SCHEDULER: Final = "kube-scheduler"
ALL_CONTROLLERS: Final = ("*",)
READY_TIMEOUT_S: Final = 60.0
_READY_POLL_S: Final = 0.1


class Component:
    """One process that speaks to kube-apiserver as a user of its own and serves /healthz by TLS on a reserved port.

    `argv` adds to the binary and to what all components of Kubernetes share: kubeconfig, port and certificates.
    """

    def __init__(self, binary: Path, supervisor: Supervisor, server: KubeApiServer) -> None:
        """Issue certificates for the user `system:<name>`, write its kubeconfig and reserve its port."""
        self.name = binary.name
        self._binary = binary
        self._supervisor = supervisor
        self.folder = supervisor.folder / self.name
        # The user that kube-apiserver's RBAC bootstrap knows. Source: plugin/pkg/auth/authorizer/rbac/bootstrappolicy.
        client = server.issue_client(f"system:{self.name}")
        self._serving = server.issue_serving(self.name)
        self.kubeconfig = server.write_kubeconfig(self.folder / "kubeconfig", client)
        self._port = ReservedPort("127.0.0.1")
        self._api = ApiClient(f"https://127.0.0.1:{self._port.number}", authority=server.authority, client=client)
        self.process: Process | None = None

    def start(self, flags: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        """Start the process and wait until its /healthz answers 200.

        Raises: ProcessError when it dies, DeadlineError with the last answer after 60 s.
        """
        argv = [str(self._binary), *self._flags(), *flags]
        self.process = process = self._supervisor.spawn(self.name, argv, setting=Setting(env))

        def answers() -> str | bool:
            reply = self._api.get("/healthz")
            return reply.ok or f"not yet: {reply}"

        what = f"{self.name}: /healthz answers 200"
        wait_until(what, answers, timeout_s=READY_TIMEOUT_S, poll_s=_READY_POLL_S, alive=[process])
        self._supervisor.event(self.name, "ready")

    def assert_alive(self) -> None:
        """Raise ProcessError with exit code and last log lines when the process has ended on its own."""
        if self.process is not None:
            self.process.assert_alive()

    def close(self) -> None:
        """Stop the process, if it runs, and give the port back."""
        if self.process is not None:
            self._supervisor.stop(self.process)
            self.process = None
        self._api.close()
        self._port.close()

    def _flags(self) -> list[str]:
        return [
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",  # it is alone, and a lease would only cost time
            "--bind-address=127.0.0.1",
            f"--secure-port={self._port.number}",
            "--permit-port-sharing=true",
            f"--cert-dir={self.folder}",
            f"--tls-cert-file={self._serving.certificate}",
            f"--tls-private-key-file={self._serving.key}",
        ]


def controller_manager_flags(server: KubeApiServer, controllers: Sequence[str] = ALL_CONTROLLERS) -> list[str]:
    """Return the flags of kube-controller-manager; `controllers` as for its `--controllers`.

    Each controller speaks with a service account of its own, as kubeadm sets it up, so RBAC is that of a cluster.
    """
    return [
        f"--controllers={','.join(controllers)}",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={server.service_account_key}",
        f"--root-ca-file={server.authority}",
    ]


def scheduler_flags(component: Component) -> list[str]:
    """Return the flags of kube-scheduler, which asks kube-apiserver who may read its endpoints."""
    return [
        f"--authentication-kubeconfig={component.kubeconfig}",
        f"--authorization-kubeconfig={component.kubeconfig}",
    ]
