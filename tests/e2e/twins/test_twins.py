"""Every scenario fails with its twin, by its own proof and naming the reason; without it the same run passes."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pipeline.core.result import NotRun, Outcome, ScenarioResult
from pipeline.report.evidence import read_report
from pipeline.suite.collection import collect
from pipeline.suite.run import RunRequest, run_suite
from pipeline.suite.selection import Selection
from tests.e2e.twins.sabotage import TWINS

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800)]
# Twins of scenarios outside the fast tier take minutes more, or kube-controller-manager; CI leaves them out.
WITH_SLOW = os.environ.get("KMS_E2E_SLOW_TWINS") == "1"
# The reference plugin's backend is a file, which cannot hang; tests/e2e/plugins/test_examples.py runs it.
WITHOUT_HOOK = {"D81": f"{NotRun.HOOK_MISSING}: hang_backend"}
ENTRIES = {item.entry.id: item.entry for item in collect() if item.entry.family != "A"}

SELECTED = tuple(name for name in TWINS if WITH_SLOW or name not in ENTRIES or ENTRIES[name].in_fast_tier)
SELECTION = Selection(ids=SELECTED)


def leave_out(name: str, results: dict[str, ScenarioResult]) -> ScenarioResult:
    """Return a scenario's result; what waits, or needs what this machine has not, is left out."""
    if name not in SELECTED:
        pytest.skip("it is not in the fast tier; set KMS_E2E_SLOW_TWINS=1")
    result = results[name]
    missing = WITHOUT_HOOK.get(name, NotRun.NEEDS_ARCHITECTURE)
    if result.outcome is Outcome.NOT_RUN and result.reason.startswith(missing):
        pytest.skip(result.reason)
    return result


@pytest.fixture(scope="module")
def broken(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ScenarioResult]:
    request = RunRequest(
        assets=assets,
        report=tmp_path_factory.mktemp("twins"),
        selection=SELECTION,
        pytest_plugins=("tests.e2e.twins.sabotage",),
    )
    return {result.id: result for result in run_suite(request, lambda _: None).scenarios}


@pytest.fixture(scope="module")
def healthy(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ScenarioResult]:
    """Return what the same scenarios give without a fault: a report named by KMS_E2E_REPORT, else a run."""
    if earlier := os.environ.get("KMS_E2E_REPORT"):
        return {result.id: result for result in read_report(Path(earlier)).scenarios}
    request = RunRequest(assets=assets, report=tmp_path_factory.mktemp("healthy"), selection=SELECTION)
    return {result.id: result for result in run_suite(request, lambda _: None).scenarios}


def test_every_scenario_has_a_twin() -> None:
    assert sorted(TWINS) == sorted(ENTRIES)


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_a_scenario_fails_with_its_twin(name: str, broken: dict[str, ScenarioResult]) -> None:
    result = leave_out(name, broken)
    assert result.outcome is Outcome.FAILED, f"{result.outcome}: {result.reason}"
    assert re.search(ENTRIES[name].twin.reason, result.reason), result.reason


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_a_scenario_passes_without_its_twin(name: str, healthy: dict[str, ScenarioResult]) -> None:
    result = leave_out(name, healthy)
    assert result.outcome is Outcome.PASSED, result.reason
