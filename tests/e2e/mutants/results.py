"""What runs with and without mutants gave, kept in the folders of their reports, so that pieces make one table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.core.result import NotRun, Outcome, RunReport, ScenarioResult
from pipeline.errors import InputError
from pipeline.report.evidence import read_report
from pipeline.report.files import RUN_FILE

_FILE: Final = "mutants.json"


@dataclass(slots=True)
class Results:
    """The results of the healthy plugin by scenario and of the mutants by name, and the reports they are from."""

    healthy: dict[str, ScenarioResult] = field(default_factory=dict)
    mutants: dict[str, ScenarioResult] = field(default_factory=dict)
    reports: list[RunReport] = field(default_factory=list)

    def add(self, report: RunReport, names: Sequence[str]) -> None:
        """Take a report in: that of a round with these mutants, or of the healthy plugin when there are none.

        Raises: InputError when it is of another suite, Kubernetes or binary than those before it.
        """
        for earlier in self.reports:
            _assert_alike(earlier, report)
        of_scenario = {name.partition("-")[0]: name for name in names}
        ended = [result for result in report.scenarios if result.id in report.planned and _ended(result)]
        if names:
            self.mutants |= {of_scenario[result.id]: result for result in ended if result.id in of_scenario}
        else:
            self.healthy |= {result.id: result for result in ended}
        self.reports.append(report)


def _ended(result: ScenarioResult) -> bool:
    return not (result.outcome is Outcome.NOT_RUN and result.reason == NotRun.INTERRUPTED)


def _assert_alike(first: RunReport, second: RunReport) -> None:
    """Refuse to judge mutants by a healthy plugin that is another one."""
    ones, others = _identity(first), _identity(second)
    differ = [name for name in ones.keys() & others.keys() if ones[name] != others[name]]
    if differ:
        raise InputError(
            "reports of different binaries make no table",
            seen=", ".join(f"{name} {ones[name][:12]} and {others[name][:12]}" for name in sorted(differ)),
            wanted="one suite, one Kubernetes, and the same binaries",
            where=f"the runs {first.run_id} and {second.run_id}",
            next_step="run them anew: without --resume, or with another folder as --report",
        )


def _identity(report: RunReport) -> dict[str, str]:
    """Return what a report is of, as far as it says; what only one of two reports says is not compared."""
    binaries = {artifact.name: artifact.sha256 for artifact in report.artifacts}
    said = {"suite": report.suite_version, "Kubernetes": report.kubernetes, **binaries}
    return {name: value for name, value in said.items() if value}


def next_folder(folder: Path, kind: str) -> Path:
    """Return the folder of the next run's report, numbered in the order of the runs."""
    return folder / f"{sum(1 for _ in folder.glob('[0-9]*-*')) + 1:02}-{kind}"


def forget(folder: Path) -> None:
    """Let the earlier runs below a folder count no more."""
    for path in folder.glob(f"*/{_FILE}"):
        path.unlink()


def note(folder: Path, names: Sequence[str]) -> None:
    """Write down beside a report which mutants it is of; none for the healthy plugin."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _FILE).write_text(json.dumps(list(names)) + "\n", encoding="utf-8")


def read_all(folder: Path) -> Results:
    """Return what all runs below a folder gave; of two results of one mutant that of the later run."""
    found = Results()
    runs = [path for path in folder.glob(f"*/{_FILE}") if path.with_name(RUN_FILE).is_file()]
    reports = [(read_report(path.parent), json.loads(path.read_text())) for path in runs]
    for report, names in sorted(reports, key=lambda pair: pair[0].started_at):
        found.add(report, names)
    return found
