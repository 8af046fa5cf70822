"""The catalogue as a page, with the times of a run."""

from __future__ import annotations

import pytest

from pipeline.cli.scenarios import markdown
from pipeline.core.result import Level, Outcome, ScenarioResult, Subject
from pipeline.suite.collection import Collected
from pipeline.suite.scenario import Scenario, Twin


@pytest.mark.parametrize(
    ("outcome", "reason", "cell"),
    [
        (Outcome.PASSED, "", "| 12.3 s |"),
        (Outcome.FAILED, "it broke", "| failed after 12.3 s |"),
        (Outcome.ERROR, "no control plane", "| error after 12.3 s |"),
        (Outcome.NOT_RUN, "soak", "| not run: soak |"),
    ],
)
def test_a_time_is_only_given_for_what_passed(outcome: Outcome, reason: str, cell: str) -> None:
    entry = Scenario("B19", "a title", Level.MUST, "KEP-3299", Subject.PLUGIN, Twin(breaks="it", reason="it"))
    result = ScenarioResult(
        "B19", "a title", "B", Level.MUST, "KEP-3299", Subject.PLUGIN, outcome, reason, duration_s=12.34
    )
    page = markdown([Collected(entry, "", "")], {"B19": result})
    assert cell in next(line for line in page.splitlines() if line.startswith("| B19 "))
