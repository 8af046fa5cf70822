"""Two untainted nodes that kwok simulates: pods on them say that they run, and nothing does."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.errors import ProcessError
from pipeline.harness.kube_apiserver import KubeApiServer
from pipeline.harness.process import Process, Setting
from pipeline.harness.supervisor import Supervisor
from pipeline.harness.waiting import wait_until

KWOK: Final = "kwok"
NODES: Final = ("simulated-1", "simulated-2")
READY_TIMEOUT_S: Final = 60.0
# Networks for measurements (RFC 2544) and documentation (RFC 5737): nobody reaches a real machine by the address of a
# simulated pod or node. Loopback would be refused in EndpointSlices.
_POD_NETWORK: Final = "198.18.0.0/16"
_ADDRESS: Final = "203.0.113.{number}"
# The size of an ordinary node; the conformance tests of the scheduler fill nodes up.
_RESOURCES: Final = {"cpu": "16", "memory": "64Gi", "ephemeral-storage": "100Gi", "pods": "110"}
_LABELS: Final = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
# kubelet's own default. Source: NodeLeaseDurationSeconds in pkg/kubelet/apis/config/v1beta1/defaults.go.
_LEASE_S: Final = 40


class SimulatedNodes:
    """The nodes of one control plane and the kwok process that speaks for them."""

    def __init__(self, binary: Path, supervisor: Supervisor, server: KubeApiServer, stages: Path) -> None:
        """Prepare; `stages` says how nodes and pods behave."""
        self._binary = binary
        self._supervisor = supervisor
        self._server = server
        self._stages = stages
        self.process: Process | None = None

    def start(self, kubelet_version: str) -> None:
        """Start kwok, register the nodes as kubelets of a version, and wait until all are ready.

        Raises: ProcessError when kwok dies or a node is refused, DeadlineError after 60 s.
        """
        kubeconfig = self._server.write_kubeconfig(self._supervisor.folder / KWOK / "kubeconfig")
        self.process = process = self._supervisor.spawn(
            KWOK,
            [
                str(self._binary),
                f"--kubeconfig={kubeconfig}",
                f"--config={self._stages}",
                "--manage-all-nodes=true",
                f"--cidr={_POD_NETWORK}",
                f"--node-ip={_ADDRESS.format(number=1)}",
                f"--node-lease-duration-seconds={_LEASE_S}",
            ],
            # kwok reads a configuration below HOME too, which would change what its nodes say.
            setting=Setting({"HOME": str(self._supervisor.folder / KWOK), "PATH": "/usr/bin:/bin"}),
        )
        for number, name in enumerate(NODES, start=1):
            reply = self._server.api.request("POST", "/api/v1/nodes", _node(name, number, kubelet_version))
            if not reply.ok:
                raise ProcessError("a simulated node was refused", seen=str(reply), where=f"{self._server.url}, {name}")
        what = f"{KWOK}: the nodes are ready"
        wait_until(what, self._all_ready, timeout_s=READY_TIMEOUT_S, alive=[process])
        self._supervisor.event(KWOK, "ready")

    def assert_alive(self) -> None:
        """Raise ProcessError with exit code and last log lines when kwok has ended on its own."""
        if self.process is not None:
            self.process.assert_alive()

    def close(self) -> None:
        """Stop kwok, if it runs."""
        if self.process is not None:
            self._supervisor.stop(self.process)
            self.process = None

    def _all_ready(self) -> str | bool:
        missing = [name for name in NODES if not self._ready(name)]
        return f"not yet: not ready: {', '.join(missing)}" if missing else True

    def _ready(self, name: str) -> bool:
        reply = self._server.api.get(f"/api/v1/nodes/{name}")
        if not reply.ok:
            return False
        status = reply.body["status"]
        conditions = status.get("conditions", []) if isinstance(status, dict) else []
        return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _node(name: str, number: int, kubelet_version: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **_LABELS}},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": _ADDRESS.format(number=number)},
                {"type": "Hostname", "address": name},
            ],
            "allocatable": _RESOURCES,
            "capacity": _RESOURCES,
            "nodeInfo": {
                **dict.fromkeys(("bootID", "kubeProxyVersion", "machineID", "systemUUID"), ""),
                **dict.fromkeys(("containerRuntimeVersion", "kernelVersion", "osImage"), "simulated"),
                "architecture": "amd64",
                "kubeletVersion": kubelet_version,
                "operatingSystem": "linux",
            },
        },
    }
