"""Checks of the KMS v2 checklist that have no scenario here yet, so that none is silently absent from a report."""

from __future__ import annotations

from typing import Final

from pipeline.core.result import Level, NotRun, Outcome, ScenarioResult, Subject

_CHECKS: Final[tuple[tuple[str, str, NotRun], ...]] = ()


def unbuilt(present: set[str]) -> list[ScenarioResult]:
    """Return a *not run* result for each check of the checklist that is not among `present`."""
    return [
        ScenarioResult(
            id=name,
            title=title,
            family=name[0],
            level=Level.INFO,
            source="",
            subject=Subject.PROCEDURE,
            outcome=Outcome.NOT_RUN,
            reason=reason,
        )
        for name, title, reason in _CHECKS
        if name not in present
    ]
