"""What `kms-e2e probe` says of the MUSTs at its end."""

from __future__ import annotations

import pytest

from pipeline.cli.probe import _verdict
from pipeline.core.result import Level, Outcome, ScenarioResult, Subject


def _result(name: str, level: Level, outcome: Outcome) -> ScenarioResult:
    return ScenarioResult(name, "a title", "A", level, "KEP-3299", Subject.PLUGIN, outcome)


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ((Outcome.PASSED, Outcome.PASSED), "no MUST of the wire protocol is broken"),
        ((Outcome.PASSED, Outcome.ERROR), "not decided, since these ended in an error: A02"),
        ((Outcome.ERROR, Outcome.FAILED), "contract broken: A02"),
    ],
)
def test_a_must_that_ended_in_an_error_is_not_called_kept(outcomes: tuple[Outcome, ...], said: str) -> None:
    results = [_result(f"A0{number}", Level.MUST, outcome) for number, outcome in enumerate(outcomes, 1)]
    assert _verdict(results) == said


def test_a_should_that_failed_breaks_no_contract() -> None:
    assert _verdict([_result("A09", Level.SHOULD, Outcome.FAILED)]) == "no MUST of the wire protocol is broken"
