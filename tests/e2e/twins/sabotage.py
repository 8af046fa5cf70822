"""A pytest plugin that breaks the equipment of each scenario in the way its twin says.

`TWINS` maps a scenario's id to what is broken: another plugin (a fault of the Python double), other hooks, or a
function that breaks a running control plane. Every scenario gets equipment of its own, so no fault reaches another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions, Equipment
from pipeline.harness.proxy import EditStatus, Error
from pipeline.suite.scenario import Scenario
from tests.e2e.twins.breaks import (
    Sabotage,
    churn,
    faults,
    foreign_key_ids,
    foreign_value,
    identity_first,
    skip_one_update,
    swap_values,
)
from tests.e2e.twins.twins_configuration import CONFIGURATION
from tests.e2e.twins.twins_encryption import ENCRYPTION
from tests.e2e.twins.twins_failure import FAILURE
from tests.e2e.twins.twins_lifecycle import LIFECYCLE
from tests.e2e.twins.twins_rotation import ROTATION

TWINS: Final[dict[str, Sabotage]] = {
    "B18": Sabotage(plane=faults(EditStatus(healthz="broken by the twin"))),
    "B19": Sabotage(plane=foreign_value),
    "B20": Sabotage(plane=identity_first),
    "B20b": Sabotage(plane=identity_first),
    "B21": Sabotage(plane=swap_values),
    "B22": Sabotage(plane=skip_one_update),
    "B23": Sabotage(plane=churn),
    "B24": Sabotage(plane=foreign_key_ids),
    "B25": Sabotage(plane=faults(Error(methods=("Decrypt",)))),
    "B26": Sabotage(plane=churn),
    "C31": Sabotage(plugin_fault="encrypts-with-first-key"),
    "C32": Sabotage(plugin_fault="repeats-ciphertext"),
    "C33": Sabotage(plugin_fault="newest-key-only"),
    **ENCRYPTION,
    **ROTATION,
    **FAILURE,
    **CONFIGURATION,
    **LIFECYCLE,
}


@pytest.fixture
def sabotage(scenario_entry: Scenario) -> Sabotage:
    """Return what is broken for this scenario."""
    return TWINS[scenario_entry.id]


@pytest.fixture
def plane_name(scenario_entry: Scenario) -> str:
    """Give each twin a control plane of its own."""
    return f"twin-{scenario_entry.id}"


@pytest.fixture
def scenario_equipment(kms_equipment: Equipment, sabotage: Sabotage) -> Equipment:
    """Break plugin and hooks."""
    return sabotage.equipment(kms_equipment)


@pytest.fixture
def control_plane(control_plane: ControlPlane, sabotage: Sabotage) -> ControlPlane:
    """Break the running control plane."""
    if sabotage.plane is not None:
        sabotage.plane(control_plane)
    return control_plane


@pytest.fixture
def make_control_plane(
    make_control_plane: Callable[[ControlPlaneOptions], ControlPlane], sabotage: Sabotage
) -> Callable[[ControlPlaneOptions], ControlPlane]:
    """Break each control plane that the scenario makes."""

    def making(options: ControlPlaneOptions) -> ControlPlane:
        plane = make_control_plane(options)
        if sabotage.plane is not None:
            sabotage.plane(plane)
        return plane

    return making
