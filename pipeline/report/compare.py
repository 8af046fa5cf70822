"""What changed between two runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pipeline.core.result import NotRun, Outcome, RunReport, ScenarioResult
from pipeline.report.conformance import Verdict, statement_of
from pipeline.report.figures import duration, percentile

ABSENT: Final = "absent"
_BADNESS: Final = {Outcome.PASSED: 0, Outcome.NOT_RUN: 1, Outcome.FAILED: 2, Outcome.ERROR: 2}
_VERDICTS: Final = {Verdict.CONFORMANT: 0, Verdict.INCOMPLETE: 1, Verdict.NOT_CONFORMANT: 2}
_LEFT_OUT: Final = (NotRun.NOT_SELECTED, NotRun.SOAK)
_FACTS: Final = ("plugin", "kubernetes", "go_version", "suite_version", "host")


class Direction(StrEnum):
    """Which way something changed."""

    WORSE = "worse"
    BETTER = "better"
    OTHER = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: of what, what it was, what it is, and why (empty when there is nothing to add)."""

    direction: Direction
    what: str
    before: str
    after: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from one run to another: outcomes, then versions and binaries, then latencies."""

    outcomes: tuple[Change, ...]
    facts: tuple[Change, ...]
    latencies: tuple[Change, ...]

    @property
    def worse(self) -> bool:
        """Say whether a scenario or the conformance got worse. Latencies do not decide: machines differ."""
        return any(change.direction is Direction.WORSE for change in self.outcomes)


def compare_reports(before: RunReport, after: RunReport) -> Comparison:
    """Compare two runs.

    Worse is: a scenario that passed and now fails, cannot be judged, is not run or is gone; one that was
    not run and now fails; a conformance verdict that sank. A scenario that was not selected this time
    is a change and not worse.
    """
    return Comparison(
        outcomes=(*_verdict(before, after), *_outcomes(before, after)),
        facts=tuple(_facts(before, after)),
        latencies=tuple(_latencies(before, after)),
    )


def _verdict(before: RunReport, after: RunReport) -> Iterable[Change]:
    old, new = statement_of(before), statement_of(after)
    if old.verdict is new.verdict:
        return
    direction = _direction(_VERDICTS[new.verdict] - _VERDICTS[old.verdict])
    if new.verdict is Verdict.INCOMPLETE and all(item.reason.startswith(_LEFT_OUT) for item in new.musts.not_run):
        direction = Direction.OTHER
    yield Change(direction, "conformance", old.verdict, new.verdict)


def _outcomes(before: RunReport, after: RunReport) -> Iterable[Change]:
    old, new = ({item.id: item for item in run.scenarios} for run in (before, after))
    for name in sorted({*old, *new}):
        change = _scenario(old.get(name), new.get(name))
        if change is not None:
            yield change


def _scenario(old: ScenarioResult | None, new: ScenarioResult | None) -> Change | None:
    shown = new or old
    if shown is None or (old and new and old.outcome is new.outcome):
        return None
    what = f"{shown.id} {shown.title}"
    if old is None or new is None:
        gone = new is None and shown.outcome is Outcome.PASSED
        failing = new is not None and _BADNESS[new.outcome] > _BADNESS[Outcome.NOT_RUN]
        direction = Direction.WORSE if gone or failing else Direction.OTHER
        return Change(direction, what, old.outcome if old else ABSENT, new.outcome if new else ABSENT, shown.reason)
    direction = _direction(_BADNESS[new.outcome] - _BADNESS[old.outcome])
    if Outcome.NOT_RUN in (old.outcome, new.outcome):
        direction = _without_run(old, new, direction)
    return Change(direction, what, old.outcome, new.outcome, new.reason)


def _without_run(old: ScenarioResult, new: ScenarioResult, direction: Direction) -> Direction:
    """Judge a change from or to *not run*: what the user left out did not get worse, and not better by failing."""
    if new.outcome is Outcome.NOT_RUN:
        left_out = new.reason.startswith(_LEFT_OUT) or old.outcome is not Outcome.PASSED
        return Direction.OTHER if left_out else Direction.WORSE
    return direction


def _facts(before: RunReport, after: RunReport) -> Iterable[Change]:
    for field in _FACTS:
        old, new = str(getattr(before, field)), str(getattr(after, field))
        if old != new:
            yield Change(Direction.OTHER, field.replace("_", " "), old, new)
    digests = [{item.name: item.sha256 for item in run.artifacts} for run in (before, after)]
    for name in sorted({*digests[0], *digests[1]}):
        old, new = (digest.get(name, "") for digest in digests)
        if old != new:
            yield Change(Direction.OTHER, f"binary {name}", old[:16] or ABSENT, new[:16] or ABSENT)


def _latencies(before: RunReport, after: RunReport) -> Iterable[Change]:
    old, new = (_samples(run) for run in (before, after))
    for method in sorted({*old} & {*new}):
        for percent in (50, 99):
            values = [percentile(samples[method], percent) for samples in (old, new)]
            if values[0] != values[1]:
                direction = _direction(values[1] - values[0])
                yield Change(direction, f"{method} p{percent}", *(duration(value) for value in values))


def _samples(run: RunReport) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for call in run.calls:
        found.setdefault(call.method, []).append(call.duration_s)
    return found


def _direction(difference: float) -> Direction:
    if difference == 0:
        return Direction.OTHER
    return Direction.WORSE if difference > 0 else Direction.BETTER
