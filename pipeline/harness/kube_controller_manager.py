"""kube-controller-manager beside one kube-apiserver, with the controllers that are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.harness.api import ApiClient
from pipeline.harness.kube_apiserver import KubeApiServer
from pipeline.harness.ports import ReservedPort
from pipeline.harness.process import Process
from pipeline.harness.supervisor import Supervisor
from pipeline.harness.waiting import wait_until

NAME: Final = "kube-controller-manager"
ALL_CONTROLLERS: Final = ("*",)
READY_TIMEOUT_S: Final = 60.0
# The user that kube-apiserver's RBAC bootstrap knows. Source: plugin/pkg/auth/authorizer/rbac/bootstrappolicy.
_USER: Final = "system:kube-controller-manager"
_READY_POLL_S: Final = 0.1


class KubeControllerManager:
    """One kube-controller-manager process of a control plane.

    Each controller speaks with a service account of its own, as kubeadm sets it up, so RBAC is that of a cluster.
    """

    def __init__(
        self, binary: Path, supervisor: Supervisor, server: KubeApiServer, controllers: Sequence[str] = ALL_CONTROLLERS
    ) -> None:
        """Issue its certificate, write its kubeconfig and reserve its port; `controllers` as for `--controllers`."""
        self._binary = binary
        self._supervisor = supervisor
        self._controllers = tuple(controllers)
        self._folder = supervisor.folder / NAME
        self._service_account_key = server.service_account_key
        client = server.issue_client(_USER)
        serving = server.issue_serving(NAME)
        self._serving = serving
        self._kubeconfig = server.write_kubeconfig(self._folder / "kubeconfig", client)
        self._port = ReservedPort("127.0.0.1")
        self._api = ApiClient(f"https://127.0.0.1:{self._port.number}", authority=server.authority, client=client)
        self.process: Process | None = None

    def start(self) -> None:
        """Start the process and wait until its /healthz answers 200.

        Raises: ProcessError when it dies, DeadlineError with the last answer after 60 s.
        """
        self.process = process = self._supervisor.spawn(NAME, self._argv())

        def answers() -> str | bool:
            reply = self._api.get("/healthz")
            return reply.ok or f"not yet: {reply}"

        what = f"{NAME}: /healthz answers 200"
        wait_until(what, answers, timeout_s=READY_TIMEOUT_S, poll_s=_READY_POLL_S, alive=[process])
        self._supervisor.event(NAME, "ready")

    def close(self) -> None:
        """Stop the process, if it runs, and give the port back."""
        if self.process is not None:
            self._supervisor.stop(self.process)
            self.process = None
        self._api.close()
        self._port.close()

    def _argv(self) -> list[str]:
        return [
            str(self._binary),
            f"--kubeconfig={self._kubeconfig}",
            f"--controllers={','.join(self._controllers)}",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={self._service_account_key}",
            "--leader-elect=false",  # it is alone, and a lease would only cost time
            "--bind-address=127.0.0.1",
            f"--secure-port={self._port.number}",
            "--permit-port-sharing=true",
            f"--cert-dir={self._folder}",
            f"--tls-cert-file={self._serving.certificate}",
            f"--tls-private-key-file={self._serving.key}",
        ]
