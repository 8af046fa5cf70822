"""Judge mutants and write the table of docs/mutants.md."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.core.result import Level, Outcome, ScenarioResult
from pipeline.suite.collection import Collected
from tests.e2e.mutants.catalogue import Mutant

_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: killed by its proof, or why it does not count as killed.

    `ran` is False where the healthy plugin's scenario was not run here, so that the mutant could not be judged.
    """

    mutant: Mutant
    killed: bool
    seen: str
    ran: bool = True

    @property
    def survived(self) -> bool:
        """Tell whether the mutant could have been killed and was not."""
        return self.ran and not self.killed


def verdicts(
    mutants: Sequence[Mutant], healthy: Mapping[str, ScenarioResult], results: Mapping[str, ScenarioResult]
) -> list[Verdict]:
    """Judge each mutant by what its scenario said with it and without it."""
    return [_judge(mutant, healthy.get(mutant.scenario), results[mutant.name]) for mutant in mutants]


def _judge(mutant: Mutant, healthy: ScenarioResult | None, result: ScenarioResult) -> Verdict:
    if healthy is None or healthy.outcome is Outcome.NOT_RUN:
        return Verdict(mutant, False, healthy.reason if healthy else "no result", ran=False)
    if healthy.outcome is not Outcome.PASSED:
        return Verdict(mutant, False, f"the healthy plugin: {healthy.outcome}: {healthy.reason}")
    if result.outcome is not Outcome.FAILED:
        return Verdict(mutant, False, f"{result.outcome}: {result.reason}".rstrip(": "))
    if not re.search(mutant.reason, result.reason, re.DOTALL):
        return Verdict(mutant, False, f"failed otherwise: {result.reason}")
    return Verdict(mutant, True, result.reason)


def table(judged: Sequence[Verdict], catalogue: Sequence[Collected]) -> str:
    """Return the whole document."""
    killed = sum(verdict.killed for verdict in judged)
    counts = Counter(verdict.mutant.scenario for verdict in judged if verdict.killed)
    musts = [item.entry.id for item in catalogue if item.entry.level is Level.MUST]
    fewer = [f"{name} ({counts[name]})" for name in musts if counts[name] < 2]
    survivors = [verdict for verdict in judged if verdict.survived]
    absent = [verdict for verdict in judged if not verdict.ran]
    scenarios = {verdict.mutant.scenario for verdict in judged if verdict.ran}
    lines = [
        f"{killed} of {len(judged) - len(absent)} mutants killed, each by words of its scenario's own proof that were",
        f"named in advance, in {len(scenarios)} scenarios that pass with the healthy plugin in the same run.",
        "",
        f"MUSTs with fewer than two killed mutants: {', '.join(fewer) or 'none'}.",
        "",
        "## Survivors",
        "",
        *([f"- {v.mutant.name} ({v.mutant.breaks}): {_cell(v.seen)}" for v in survivors] or ["None."]),
        "",
        "## Not run",
        "",
        *([f"- {v.mutant.name} ({v.mutant.breaks}): {_cell(v.seen)}" for v in absent] or ["None."]),
        "",
        "## Killed",
        "",
        "| mutant | what is broken | killed by the words | what the scenario said |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {v.mutant.name} | {_cell(v.mutant.breaks)} | {_cell(v.mutant.reason)} | {_cell(v.seen)} |"
        for v in judged
        if v.killed
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
