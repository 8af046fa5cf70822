"""Judge mutants and write the table of docs/mutants.md."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.result import Level, NotRun, Outcome, RunReport, ScenarioResult
from pipeline.suite.collection import Collected
from tests.e2e.mutants.catalogue import Mutant

_SHOWN: Final = 160
_WANTED: Final = 2
# What a machine may lack; whatever else keeps a scenario from running with the healthy plugin is no excuse.
_EQUIPMENT: Final = (NotRun.NEEDS_ARCHITECTURE, NotRun.NEEDS_NODE, NotRun.NEEDS_ROOT)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: killed by its proof, or why it does not count as killed.

    `ran` is False where there is no result, or the healthy plugin's scenario was not run, so that the mutant could
    not be judged; `excused` when that is for want of equipment. `healthy`: the scenario passes with the healthy plugin.
    """

    mutant: Mutant
    killed: bool
    seen: str
    ran: bool = True
    excused: bool = False
    healthy: bool = True

    @property
    def survived(self) -> bool:
        """Tell whether the mutant could have been killed and was not."""
        return self.ran and not self.killed


def verdicts(
    mutants: Sequence[Mutant], healthy: Mapping[str, ScenarioResult], results: Mapping[str, ScenarioResult]
) -> list[Verdict]:
    """Judge each mutant by what its scenario said with it and without it."""
    return [_judge(mutant, healthy.get(mutant.scenario), results.get(mutant.name)) for mutant in mutants]


def _judge(mutant: Mutant, healthy: ScenarioResult | None, result: ScenarioResult | None) -> Verdict:
    if healthy is not None and healthy.outcome is Outcome.NOT_RUN:
        excused = healthy.reason.startswith(_EQUIPMENT)
        return Verdict(mutant, False, healthy.reason, ran=False, excused=excused, healthy=False)
    if healthy is None or result is None:
        passed = healthy is not None and healthy.outcome is Outcome.PASSED
        return Verdict(mutant, False, "no result", ran=False, healthy=passed)
    if healthy.outcome is not Outcome.PASSED:
        return Verdict(mutant, False, f"the healthy plugin: {healthy.outcome}: {healthy.reason}", healthy=False)
    if result.outcome is not Outcome.FAILED:
        return Verdict(mutant, False, f"{result.outcome}: {result.reason}".rstrip(": "))
    if not re.search(mutant.reason, result.reason, re.DOTALL):
        return Verdict(mutant, False, f"failed otherwise: {result.reason}")
    return Verdict(mutant, True, result.reason)


def short_musts(judged: Sequence[Verdict], catalogue: Sequence[Collected]) -> list[str]:
    """Return the MUSTs with fewer than two killed mutants, and how many they have."""
    counts = Counter(verdict.mutant.scenario for verdict in judged if verdict.killed)
    musts = [item.entry.id for item in catalogue if item.entry.level is Level.MUST]
    return [f"{name} ({counts[name]})" for name in musts if counts[name] < _WANTED]


def problems(judged: Sequence[Verdict], catalogue: Sequence[Collected], *, sampled: bool) -> list[str]:
    """Return why a run of mutants is no success, a line each; of a `sampled` run nobody expects two for each MUST."""
    survivors = [one.mutant.name for one in judged if one.survived]
    unjudged = [one.mutant.name for one in judged if not one.ran and not one.excused]
    excused = {one.mutant.scenario for one in judged if one.excused}
    wanted = [item for item in catalogue if item.entry.id not in excused]
    short = [] if sampled else short_musts(judged, wanted)
    named = {"survived": survivors, "have no verdict": unjudged, "MUSTs have fewer than two killed mutants": short}
    return [f"{len(names)} {what}: {', '.join(names)}" for what, names in named.items() if names]


def table(judged: Sequence[Verdict], catalogue: Sequence[Collected], reports: Sequence[RunReport]) -> str:
    """Return the whole document."""
    killed = [verdict for verdict in judged if verdict.killed]
    ran = [verdict for verdict in judged if verdict.ran]
    scenarios = {verdict.mutant.scenario for verdict in ran if verdict.healthy}
    musts = sum(item.entry.level is Level.MUST for item in catalogue)
    fewer = short_musts(judged, catalogue)
    lines = [
        "# Mutants",
        "",
        _made_by(reports),
        "",
        f"{len(killed)} of {len(ran)} mutants killed, each by words of its scenario's own proof that were named in",
        f"advance, in {len(scenarios)} scenarios that pass with the healthy plugin and the same binaries.",
        "",
        f"MUSTs with fewer than two killed mutants, of {musts}: {', '.join(fewer) or 'none'}.",
        "",
        *("## Survivors", "", *_listed([verdict for verdict in judged if verdict.survived]), ""),
        *("## Not run", "", *_listed([verdict for verdict in judged if not verdict.ran]), ""),
        *("## Killed by what also kills another mutant of the scenario", "", *_listed(_alike(killed)), ""),
        *("## Killed", "", "| mutant | what is broken | killed by the words | what the scenario said |"),
        "| --- | --- | --- | --- |",
    ]
    for verdict in killed:
        cells = (verdict.mutant.name, verdict.mutant.breaks, verdict.mutant.reason, verdict.seen)
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join(lines) + "\n"


def _made_by(reports: Sequence[RunReport]) -> str:
    """Return a line that says what the table is of."""
    if not reports:
        return "Made by `make mutants`: nothing was run."
    first, last = (min(one.started_at for one in reports), max(one.finished_at for one in reports))
    days = sorted({time.strftime("%Y-%m-%d", time.gmtime(moment)) for moment in (first, last)})
    took_min = sum(one.finished_at - one.started_at for one in reports) / 60
    versions = sorted({one.kubernetes for one in reports if one.kubernetes})
    return (
        f"Made by `make mutants` on {' to '.join(days)}: Kubernetes {', '.join(versions) or 'not used'}, "
        f"{len(reports)} runs of the suite, {took_min:.0f} min in all."
    )


def _alike(killed: Sequence[Verdict]) -> list[Verdict]:
    """Return the mutants that an earlier one of the scenario resembles in all that was said but numbers and names."""
    said: set[tuple[str, str]] = set()
    alike = []
    for verdict in killed:
        words = (verdict.mutant.scenario, verdict.seen.partition(": saw ")[0])
        if words in said:
            alike.append(verdict)
        said.add(words)
    return alike


def _listed(verdicts: Sequence[Verdict]) -> list[str]:
    return [f"- {v.mutant.name} ({v.mutant.breaks}): {_cell(v.seen)}" for v in verdicts] or ["None."]


def _cell(text: str) -> str:
    line = " ".join(text.split()).partition(" where: ")[0].replace("|", "\\|")  # files of this machine stay out
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
