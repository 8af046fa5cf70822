"""The conformance statement: what this run proved about the plugin, and its badge.

Only the plugin's MUSTs decide. One that failed, or could not be judged, makes the plugin not conformant; one that was
not run, or ended with what the run was given (a hook that fails, say), makes the statement incomplete.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import Final

from pipeline.core.result import Level, Outcome, RunReport, ScenarioResult, Subject
from pipeline.report.provenance import PLUGIN_ARTIFACT

STATEMENT_VERSION: Final = 1
BADGE_LABEL: Final = "KMS v2"


class Verdict(StrEnum):
    """What may be said about a plugin after a run."""

    CONFORMANT = "conformant"
    NOT_CONFORMANT = "not conformant"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Judged:
    """One scenario of the statement, with the reason when it did not pass."""

    id: str
    title: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Tally:
    """The plugin's scenarios of one level, by outcome; `failed` holds those that could not be judged, too.

    Those that could not be judged for what the run was given say nothing about the plugin: they are in `not_run`.
    """

    passed: tuple[Judged, ...]
    failed: tuple[Judged, ...]
    not_run: tuple[Judged, ...]

    @property
    def total(self) -> int:
        """Return how many scenarios of this level the catalogue has."""
        return len(self.passed) + len(self.failed) + len(self.not_run)


@dataclass(frozen=True, slots=True)
class Statement:
    """The conformance statement. `musts` decide it, `shoulds` are told beside it."""

    verdict: Verdict
    plugin: str
    plugin_version: str
    plugin_sha256: str
    kubernetes: str
    suite_version: str
    go_version: str
    go_version_source: str
    run_id: str
    finished_at: float
    musts: Tally
    shoulds: Tally
    statement_version: int = STATEMENT_VERSION


_COLOURS: Final = {
    Verdict.CONFORMANT: ("#15803d", "brightgreen"),
    Verdict.NOT_CONFORMANT: ("#b42318", "red"),
    Verdict.INCOMPLETE: ("#6b7280", "lightgrey"),
}
# Widths of 11 px Verdana, in pixels: close enough, since textLength makes the text fit its box.
_NARROW: Final = frozenset("ijltfr.,:;'|!()[] ")
_WIDE: Final = frozenset("mwMW@%")


def statement_of(run: RunReport) -> Statement:
    """Return the conformance statement of a run."""
    musts, shoulds = (_tally(run.scenarios, level) for level in (Level.MUST, Level.SHOULD))
    plugin = next((artifact for artifact in run.artifacts if artifact.name == PLUGIN_ARTIFACT), None)
    return Statement(
        verdict=_verdict(musts),
        plugin=run.plugin,
        plugin_version=plugin.version if plugin else "",
        plugin_sha256=plugin.sha256 if plugin else "",
        kubernetes=run.kubernetes,
        suite_version=run.suite_version,
        go_version=run.go_version,
        go_version_source=run.go_version_source,
        run_id=run.run_id,
        finished_at=run.finished_at,
        musts=musts,
        shoulds=shoulds,
    )


def badge_message(statement: Statement) -> str:
    """Return the right-hand text of the badge, such as `conformant 14/14`."""
    return f"{statement.verdict} {len(statement.musts.passed)}/{statement.musts.total}"


def badge_endpoint(statement: Statement) -> str:
    """Return the JSON that a shields.io endpoint badge reads."""
    colour = _COLOURS[statement.verdict][1]
    document = {"schemaVersion": 1, "label": BADGE_LABEL, "message": badge_message(statement), "color": colour}
    return json.dumps(document, indent=2)


def badge_svg(statement: Statement) -> str:
    """Return the badge as an SVG picture that needs nothing else."""
    message, colour = escape(badge_message(statement)), _COLOURS[statement.verdict][0]
    left, right = (_width(text) + 14 for text in (BADGE_LABEL, badge_message(statement)))
    title = f"{BADGE_LABEL}: {message}"
    texts = "".join(
        f'<text x="{x}" y="14" textLength="{width - 14}" text-anchor="middle">{text}</text>'
        for x, width, text in ((left / 2, left, BADGE_LABEL), (left + right / 2, right, message))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">'
        f'<title>{title}</title><clipPath id="r"><rect width="{left + right}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#3f4650"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>'
        f'<g fill="#fff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">{texts}</g></svg>'
    )


def _tally(scenarios: Iterable[ScenarioResult], level: Level) -> Tally:
    chosen = [scenario for scenario in scenarios if scenario.subject is Subject.PLUGIN and scenario.level is level]

    def pick(*outcomes: Outcome) -> tuple[Judged, ...]:
        return tuple(
            Judged(item.id, item.title, item.outcome, item.reason)
            for item in sorted(chosen, key=lambda item: item.id)
            if _counted_as(item) in outcomes
        )

    return Tally(pick(Outcome.PASSED), pick(Outcome.FAILED, Outcome.ERROR), pick(Outcome.NOT_RUN))


def _counted_as(scenario: ScenarioResult) -> Outcome:
    given = scenario.outcome is Outcome.ERROR and scenario.wrong_input
    return Outcome.NOT_RUN if given else scenario.outcome


def _verdict(musts: Tally) -> Verdict:
    if musts.failed:
        return Verdict.NOT_CONFORMANT
    if musts.not_run or not musts.passed:
        return Verdict.INCOMPLETE
    return Verdict.CONFORMANT


def _width(text: str) -> int:
    return round(sum(4 if letter in _NARROW else 10 if letter in _WIDE else 7 for letter in text))
