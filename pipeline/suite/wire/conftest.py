"""The fixtures of family A: a client, and a plugin that has not been started."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.harness.control_plane import Equipment
from pipeline.harness.kms import KmsClient
from pipeline.harness.plugin import Plugin
from pipeline.harness.supervisor import Supervisor
from pipeline.suite.scenario import ProofRecorder


@pytest.fixture
def kms_client(kms_plugin: Plugin) -> KmsClient:
    """Return a client of the running plugin under test."""
    return kms_plugin.client


@pytest.fixture
def idle_plugin(scenario_equipment: Equipment, plane_name: str, proof: ProofRecorder) -> Iterator[Plugin]:
    """Return the plugin under test before its first start, on an empty state folder."""
    proof.plane = plane_name
    evidence = scenario_equipment.evidence
    with Supervisor(plane_name, logs=evidence.logs(plane_name), on_event=evidence.add_event) as supervisor:
        plugin = Plugin(scenario_equipment.plugin, supervisor, assets=scenario_equipment.assets)
        yield plugin
        plugin.client.close()
