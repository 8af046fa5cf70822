from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.core.result import NotRun, Outcome, RunReport
from pipeline.report.compare import Direction, compare_reports
from tests.unit.report.sample import sample_run


def with_a05(outcome: Outcome, reason: str = "") -> RunReport:
    run = sample_run(healthy=True)
    return replace(
        run,
        scenarios=tuple(
            replace(item, outcome=outcome, reason=reason) if item.id == "A05" else item for item in run.scenarios
        ),
    )


def without_a05(run: RunReport) -> RunReport:
    return replace(run, scenarios=tuple(item for item in run.scenarios if item.id != "A05"))


def test_the_same_run_has_no_changes() -> None:
    comparison = compare_reports(sample_run(), sample_run())
    assert (comparison.outcomes, comparison.facts, comparison.latencies) == ((), (), ())
    assert not comparison.worse


@pytest.mark.parametrize(
    ("before", "after", "reason", "worse"),
    [
        (Outcome.PASSED, Outcome.FAILED, "", True),
        (Outcome.PASSED, Outcome.ERROR, "", True),
        (Outcome.PASSED, Outcome.NOT_RUN, NotRun.HOOK_MISSING, True),
        (Outcome.PASSED, Outcome.NOT_RUN, NotRun.INTERRUPTED, True),
        (Outcome.PASSED, Outcome.NOT_RUN, NotRun.NOT_SELECTED, False),
        (Outcome.NOT_RUN, Outcome.FAILED, "", True),
        (Outcome.NOT_RUN, Outcome.PASSED, "", False),
        (Outcome.FAILED, Outcome.PASSED, "", False),
        (Outcome.FAILED, Outcome.ERROR, "", False),
        (Outcome.FAILED, Outcome.NOT_RUN, NotRun.HOOK_MISSING, False),
    ],
)
def test_what_counts_as_worse(before: Outcome, after: Outcome, reason: str, worse: bool) -> None:
    comparison = compare_reports(with_a05(before), with_a05(after, reason))
    assert comparison.worse is worse
    (change,) = [change for change in comparison.outcomes if change.what.startswith("A05")]
    assert (change.before, change.after, change.reason) == (before, after, reason)


def test_better_is_said() -> None:
    comparison = compare_reports(sample_run(), sample_run(healthy=True))
    assert [change.what.split(" ")[0] for change in comparison.outcomes] == ["conformance", "A07", "B26", "C31"]
    assert {change.direction for change in comparison.outcomes} == {Direction.BETTER}


def test_a_check_that_is_gone_is_worse_and_a_new_one_is_not() -> None:
    run = sample_run(healthy=True)
    assert compare_reports(run, without_a05(run)).worse
    assert not compare_reports(without_a05(run), run).worse
    assert compare_reports(without_a05(run), with_a05(Outcome.FAILED)).worse


def test_versions_and_binaries_are_told_and_do_not_decide() -> None:
    run = sample_run()
    other = replace(run, kubernetes="v1.38.0", artifacts=run.artifacts[1:])
    comparison = compare_reports(run, other)
    assert [(change.what, change.after) for change in comparison.facts] == [
        ("kubernetes", "v1.38.0"), ("binary etcd", "absent"),
    ]  # fmt: skip
    assert not comparison.worse


def test_slower_calls_are_told_and_do_not_decide() -> None:
    run = sample_run()
    slower = replace(run, calls=tuple(replace(call, duration_s=call.duration_s * 2) for call in run.calls))
    comparison = compare_reports(run, slower)
    assert {change.direction for change in comparison.latencies} == {Direction.WORSE}
    assert len(comparison.latencies) == 6
    assert not comparison.worse
