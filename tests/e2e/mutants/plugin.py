"""A pytest plugin like that of the twins, which breaks each scenario by its mutant among those named by a variable."""

from __future__ import annotations

import os
from typing import Final

import pytest

from pipeline.suite.collection import collect
from pipeline.suite.scenario import Scenario
from tests.e2e.mutants.catalogue import mutants
from tests.e2e.twins.breaks import Sabotage
from tests.e2e.twins.sabotage import control_plane, make_control_plane, scenario_equipment

__all__ = ["control_plane", "make_control_plane", "scenario_equipment"]

MUTANTS: Final = "KMS_E2E_MUTANTS"
"""The variable with the names of a round's mutants, separated by spaces."""


@pytest.fixture(scope="session")
def broken() -> dict[str, Sabotage]:
    """Return what is broken in this round, by the id of the scenario."""
    names = os.environ[MUTANTS].split()
    return {mutant.scenario: mutant.sabotage for mutant in mutants(collect()) if mutant.name in names}


@pytest.fixture
def sabotage(scenario_entry: Scenario, broken: dict[str, Sabotage]) -> Sabotage:
    """Return what is broken for this scenario."""
    return broken[scenario_entry.id]


@pytest.fixture
def plane_name(scenario_entry: Scenario) -> str:
    """Give each mutant a control plane of its own."""
    return f"mutant-{scenario_entry.id}"
