"""A cluster for upstream's tests: every resource encrypted, all controllers, a scheduler, two simulated nodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.core.components import CLUSTER, UPSTREAM_TESTS
from pipeline.core.encryption import EncryptionConfiguration, Identity, KmsProvider, encrypt
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions, Equipment
from pipeline.harness.kube_apiserver import ApiServerOptions
from pipeline.harness.simulated_nodes import KWOK, SimulatedNodes
from pipeline.suite.equipment import assert_programs
from pipeline.suite.upstream.writes import PlainJudge, WriteJudge, WriteWatch

PLANE: Final = "upstream"
STAGES: Final = Path(__file__).with_name("stages.yaml")
PROGRAMS: Final = (*CLUSTER, *UPSTREAM_TESTS)
_FLAGS: Final = (
    # Nothing that was ever written may vanish before it is looked at.
    "--etcd-compaction-interval=0",
    # As kubeadm starts it; tests create privileged pods and some hundred Services.
    "--allow-privileged=true",
    "--service-cluster-ip-range=10.0.0.0/16",
)


def encrypt_everything(provider: KmsProvider) -> EncryptionConfiguration:
    """Return the configuration under test: every resource by the plugin, and nothing else is read or written."""
    return encrypt(["*.*"], provider)


def encrypt_nothing(_provider: KmsProvider) -> EncryptionConfiguration:
    """Return the configuration to compare with: every resource plain."""
    return encrypt(["*.*"], Identity())


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster: its control plane, its nodes, the watch over etcd, and the administrator's kubeconfig."""

    plane: ControlPlane
    nodes: SimulatedNodes
    watch: WriteWatch
    kubeconfig: Path

    def assert_alive(self) -> None:
        """Raise ProcessError with exit code and last log lines when a process has ended on its own."""
        self.plane.assert_alive()
        self.nodes.assert_alive()


@contextmanager
def running_cluster(equipment: Equipment, kubernetes: str, *, plain: bool = False) -> Iterator[Cluster]:
    """Give a cluster of a Kubernetes version such as `v1.37.2`, and stop it at the end; `plain` encrypts nothing.

    Raises: InputError when a program is missing; ProcessError when a part dies or is not ready in time.
    """
    assert_programs(equipment.assets, CLUSTER, next_step="leave --assets out, and they are built")
    configure = encrypt_nothing if plain else encrypt_everything
    options = ControlPlaneOptions(configure=configure, api_server=ApiServerOptions(_FLAGS, service_accounts=True))
    with ControlPlane(PLANE, equipment, options) as plane, ExitStack() as stack:
        nodes = SimulatedNodes(equipment.assets / KWOK, plane.supervisor, plane.server, STAGES)
        stack.callback(nodes.close)
        judge = PlainJudge() if plain else WriteJudge(plane.options.provider, plane.plugin.client)
        watch = stack.enter_context(WriteWatch(plane.etcd.socket, judge))
        plane.start_controller_manager()
        plane.start_scheduler()
        nodes.start(kubernetes)
        yield Cluster(plane, nodes, watch, plane.server.write_kubeconfig(plane.supervisor.folder / "admin.conf"))
