"""What a scenario needs and a run does not have is a reason for *not run*, and a reason for building it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.plugin_spec import PluginSpec
from pipeline.harness.control_plane import Equipment
from pipeline.harness.evidence import Evidence
from pipeline.suite.__main__ import components
from pipeline.suite.fixtures import unmet
from pipeline.suite.selection import Selection
from tests.unit.suite.test_selection import entry

COMPONENT = "kube-controller-manager"


@pytest.fixture
def equipment(tmp_path: Path) -> Equipment:
    return Equipment(
        tmp_path, PluginSpec(name="p", argv=("p", "{socket}"), hooks={"rotate": ("r",)}), Evidence(tmp_path)
    )


def test_a_hook_that_is_missing_is_named(equipment: Equipment) -> None:
    assert unmet(entry("C31", hooks=("rotate",)), equipment) == ""
    assert unmet(entry("C31", hooks=("rotate", "restart")), equipment) == "hook missing: restart"


def test_a_program_that_is_missing_is_named_with_the_command_that_builds_it(equipment: Equipment) -> None:
    assert unmet(entry("C31", components=(COMPONENT,)), equipment) == (
        f"not built yet: {COMPONENT} (kms-e2e build --component {COMPONENT})"
    )
    (equipment.assets / COMPONENT).touch()
    assert unmet(entry("C31", components=(COMPONENT,)), equipment) == ""


def test_programs_are_built_for_the_scenarios_that_are_selected_alone() -> None:
    assert components(Selection(ids=("C34b", "B18")), ()) == (COMPONENT,)
    assert components(Selection(), ()) == (COMPONENT,)
    assert components(Selection(fast=True), ()) == ()
