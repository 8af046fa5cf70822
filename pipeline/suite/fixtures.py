"""The pytest plugin: the fixtures that scenarios are written with, also those of other projects.

- `proof` records what the scenario is decided by: `proof.that(name, observed=…, wanted=…)`.
- `kms_plugin` is the plugin under test alone, running behind its socket.
- `fault_proxy` is a fault proxy before `kms_plugin`.
- `control_plane` is a running control plane: the one named by the scenario's `plane`, else one of its own.
- `make_control_plane` makes further ones with other options.
- `etcd` reads the raw values of `control_plane`.

Loading this file must stay cheap: it is loaded by every pytest run of every project that installs the package,
so harness and gRPC are imported when a fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.core.result import NotRun

if TYPE_CHECKING:
    from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions, Equipment
    from pipeline.harness.etcd import EtcdClient
    from pipeline.harness.plugin import Plugin
    from pipeline.harness.proxy import FaultProxy
    from pipeline.suite.planes import Planes
    from pipeline.suite.scenario import ProofRecorder, Scenario


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two folders that the fixtures need."""
    group = parser.getgroup("kms-e2e")
    group.addoption("--kms-assets", type=Path, help="folder with kube-apiserver, etcd and plugin.json")
    group.addoption("--kms-report", type=Path, help="folder for logs, calls and metrics")


def pytest_configure(config: pytest.Config) -> None:
    """Announce the marker of `@scenario`."""
    config.addinivalue_line("markers", "scenario(entry): an entry of the catalogue of scenarios")


@pytest.fixture(scope="session")
def kms_equipment(pytestconfig: pytest.Config) -> Equipment:
    """Return what control planes are made of.

    Raises: InputError when the folder of binaries is not given or holds no plugin.json.
    """
    from pipeline.suite.equipment import load_equipment  # noqa: PLC0415 - heavy

    return load_equipment(pytestconfig.getoption("--kms-assets"), pytestconfig.getoption("--kms-report"))


@pytest.fixture(scope="session")
def kms_planes() -> Iterator[Planes]:
    """Return this worker's shared control planes."""
    from pipeline.suite.planes import Planes  # noqa: PLC0415 - heavy

    with Planes() as planes:
        yield planes


@pytest.fixture
def scenario_entry(request: pytest.FixtureRequest) -> Scenario | None:
    """Return the catalogue's entry of the running scenario, None for a plain test."""
    marker = request.node.get_closest_marker("scenario")
    return marker.args[0] if marker is not None else None


@pytest.fixture
def proof(request: pytest.FixtureRequest) -> ProofRecorder:
    """Return the recorder of what the scenario is decided by."""
    from pipeline.suite.scenario import ProofRecorder  # noqa: PLC0415 - keeps loading cheap

    recorder = ProofRecorder()
    request.node.kms_proof = recorder
    return recorder


@pytest.fixture
def plane_name(request: pytest.FixtureRequest, scenario_entry: Scenario | None) -> str:
    """Return the name that this scenario's logs, calls and metrics stand under."""
    return scenario_entry.group if scenario_entry is not None else str(request.node.name)


@pytest.fixture
def scenario_equipment(kms_equipment: Equipment) -> Equipment:
    """Return what this scenario's plugin and control planes are made of; a negative twin overrides it."""
    return kms_equipment


@pytest.fixture
def requirements(scenario_entry: Scenario | None, scenario_equipment: Equipment) -> None:
    """Leave a scenario *not run* when a hook of the plugin's author, or a program of Kubernetes, is not there."""
    reason = unmet(scenario_entry, scenario_equipment) if scenario_entry is not None else ""
    if reason:
        pytest.skip(reason)


def unmet(entry: Scenario, equipment: Equipment) -> str:
    """Return why a scenario cannot be run with some equipment; empty when it can."""
    if not entry.applies_to(equipment.kubernetes):
        return f"{NotRun.NOT_APPLICABLE}: it needs {entry.since} or newer, and this is {equipment.kubernetes}"
    missing = [hook for hook in entry.hooks if hook not in equipment.plugin.hooks]
    if missing:
        return f"{NotRun.HOOK_MISSING}: {', '.join(missing)}"
    absent = [name for name in entry.components if not (equipment.assets / name).is_file()]
    options = " ".join(f"--component {name}" for name in absent)
    return f"{NotRun.NOT_BUILT}: {', '.join(absent)} (kms-e2e build {options})" if absent else ""


@pytest.fixture
def idle_plugin(
    scenario_equipment: Equipment, plane_name: str, proof: ProofRecorder, requirements: None
) -> Iterator[Plugin]:
    """Return the plugin under test before its first start, on an empty state folder."""
    from pipeline.harness.plugin import Plugin  # noqa: PLC0415 - heavy
    from pipeline.harness.supervisor import Supervisor  # noqa: PLC0415 - heavy

    proof.plane = plane_name
    evidence = scenario_equipment.evidence
    with Supervisor(plane_name, logs=evidence.logs(plane_name), on_event=evidence.add_event) as supervisor:
        plugin = Plugin(scenario_equipment.plugin, supervisor, assets=scenario_equipment.assets)
        yield plugin
        plugin.client.close()


@pytest.fixture
def kms_plugin(idle_plugin: Plugin) -> Plugin:
    """Start the plugin under test alone, on an empty state folder."""
    idle_plugin.start()
    return idle_plugin


@pytest.fixture
def fault_proxy(kms_plugin: Plugin, scenario_equipment: Equipment, plane_name: str) -> Iterator[FaultProxy]:
    """Put a fault proxy before the plugin."""
    from pipeline.harness.proxy import FaultProxy  # noqa: PLC0415 - heavy

    with FaultProxy(
        listen=kms_plugin.socket.with_name("proxy.sock"),
        upstream=kms_plugin.socket,
        plane=plane_name,
        calls_path=scenario_equipment.evidence.calls(plane_name),
    ) as proxy:
        yield proxy


@pytest.fixture
def plane_options() -> ControlPlaneOptions | None:
    """Return what `control_plane` is made with, None for the usual; a module of scenarios may override it."""
    return None


@pytest.fixture
def control_plane(
    kms_planes: Planes,
    plane_name: str,
    scenario_equipment: Equipment,
    plane_options: ControlPlaneOptions | None,
    proof: ProofRecorder,
    requirements: None,
) -> Iterator[ControlPlane]:
    """Return a running control plane, without any fault when the scenario begins and after it has ended."""
    proof.plane = plane_name
    plane = kms_planes.get(plane_name, scenario_equipment, plane_options)
    yield plane
    plane.proxy.faults.clear()


@pytest.fixture
def make_control_plane(
    kms_planes: Planes, scenario_equipment: Equipment, plane_name: str, proof: ProofRecorder, requirements: None
) -> Iterator[Callable[[ControlPlaneOptions], ControlPlane]]:
    """Return a function that starts a control plane with options; it is stopped after the scenario."""
    from pipeline.harness.control_plane import ControlPlane  # noqa: PLC0415 - heavy

    proof.plane = plane_name
    kms_planes.leave(plane_name)
    with ExitStack() as stack:
        count = 0

        def make(options: ControlPlaneOptions) -> ControlPlane:
            nonlocal count
            count += 1
            name = plane_name if count == 1 else f"{plane_name}-{count}"
            return stack.enter_context(ControlPlane(name, scenario_equipment, options))

        yield make


@pytest.fixture
def etcd(control_plane: ControlPlane) -> EtcdClient:
    """Return the reader of the control plane's raw values."""
    return control_plane.etcd
