"""What a scenario needs and a run does not have is a reason for *not run*, and a reason for building it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipeline.core.components import PREVIOUS_API_SERVER
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
    assert components(Selection(), ()) == (COMPONENT, PREVIOUS_API_SERVER)
    assert components(Selection(fast=True), ()) == ()


def test_programs_of_scenarios_that_do_not_apply_are_not_built() -> None:
    assert components(Selection(ids=("C34b", "F58")), (), "1.36") == (PREVIOUS_API_SERVER,)
    assert components(Selection(ids=("C34b", "F58")), (), "v1.34.4") == ()


@pytest.mark.parametrize(
    ("version", "runs"), [("v1.36.3", False), ("v1.37.0-rc.1", True), ("v1.38.0+dirty", True), ("", True)]
)
def test_what_an_older_kubernetes_does_not_have_is_not_run_and_says_so(
    equipment: Equipment, version: str, runs: bool
) -> None:
    reason = unmet(entry("C31", since="1.37"), dataclasses.replace(equipment, kubernetes=version))
    assert reason == (
        "" if runs else f"does not apply to this Kubernetes: it needs 1.37 or newer, and this is {version}"
    )
