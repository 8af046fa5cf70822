"""One report of many runs: a cell for each Kubernetes version, plugin and platform, and where the cells differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline import __version__
from pipeline.core.result import Outcome, RunReport
from pipeline.errors import EXIT_PASSED, EXIT_SUITE_FAILED, KmsE2EError
from pipeline.report.conformance import statement_of

SCHEMA_VERSION: Final = 1


def folder_name(text: str) -> str:
    """Return a text as a part of a folder's name; two texts may give the same."""
    return text.replace("/", "-").replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a cell stands in the matrix: which plugin on which Kubernetes (`v1.37.2`), for which platform."""

    plugin: str
    kubernetes: str
    platform: str

    @property
    def folder(self) -> str:
        """Return the name of the cell's folder, such as `reference-v1.37.2-linux-amd64`."""
        return folder_name(f"{self.plugin}-{self.kubernetes}-{self.platform}")


@dataclass(frozen=True, slots=True)
class Cell:
    """The result of one cell.

    `outcome` is the run's as a whole: passed (exit code 0), failed (1), error (it could not be judged) or not run;
    `reason` says why of the last two. `verdict` is the conformance verdict. `passed`, `failed` (with errors) and
    `not_run` count the planned scenarios. `report` is the folder of the run's report, below the matrix's; empty when
    there is none. `duration_s` is how long the run took, in seconds.
    """

    place: Place
    outcome: Outcome
    reason: str = ""
    verdict: str = ""
    passed: int = 0
    failed: int = 0
    not_run: int = 0
    go_version: str = ""
    kms_version: str = ""
    report: str = ""
    duration_s: float = 0.0
    exit_code: int = EXIT_PASSED


@dataclass(frozen=True, slots=True)
class Difference:
    """A scenario that did not end alike in all cells that planned it; `outcomes` in the order of the cells.

    A cell that did not plan it has an empty text.
    """

    id: str
    title: str
    outcomes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """The whole: its cells by plugin, version and platform, and the scenarios on which they differ."""

    suite_version: str
    exit_code: int
    cells: tuple[Cell, ...]
    differences: tuple[Difference, ...]
    schema_version: int = SCHEMA_VERSION


def place_of(run: RunReport) -> Place:
    """Return where a run stands in a matrix."""
    return Place(run.plugin, run.kubernetes or "none", run.platform or "unknown")


def cell_of(run: RunReport, report: str) -> Cell:
    """Return the cell of a run whose report lies in the folder `report` below the matrix's."""
    planned = [scenario for scenario in run.scenarios if scenario.id in set(run.planned)]
    counts = {outcome: sum(item.outcome is outcome for item in planned) for outcome in Outcome}
    outcomes = {EXIT_PASSED: Outcome.PASSED, EXIT_SUITE_FAILED: Outcome.FAILED}
    outcome = outcomes.get(run.exit_code, Outcome.ERROR)
    return Cell(
        place=place_of(run),
        outcome=outcome,
        reason="interrupted" if run.interrupted else "; ".join(run.notes) if outcome is Outcome.ERROR else "",
        verdict=statement_of(run).verdict,
        passed=counts[Outcome.PASSED],
        failed=counts[Outcome.FAILED] + counts[Outcome.ERROR],
        not_run=counts[Outcome.NOT_RUN],
        go_version=run.go_version,
        kms_version=run.kms_version,
        report=report,
        duration_s=run.finished_at - run.started_at,
        exit_code=run.exit_code,
    )


def error_cell(place: Place, error: KmsE2EError) -> Cell:
    """Return the cell of a run that never began: its build, its input or the machine was at fault."""
    return Cell(place, Outcome.ERROR, reason=str(error), exit_code=error.exit_code)


def matrix_of(cells: Iterable[tuple[Cell, RunReport | None]]) -> Matrix:
    """Return the matrix of cells with their runs (None where there was none).

    Nothing passed at all is a failure, as in a single run.
    """
    pairs = sorted(cells, key=lambda pair: _order(pair[0]))
    code = max((cell.exit_code for cell, _ in pairs), default=EXIT_SUITE_FAILED)
    if not any(cell.outcome is Outcome.PASSED for cell, _ in pairs):
        code = max(code, EXIT_SUITE_FAILED)
    return Matrix(__version__, code, tuple(cell for cell, _ in pairs), _differences([run for _, run in pairs]))


def _differences(runs: Sequence[RunReport | None]) -> tuple[Difference, ...]:
    titles: dict[str, str] = {}
    ended: list[dict[str, str]] = []
    for run in runs:
        planned = set(run.planned) if run else set()
        found = {item.id: item for item in (run.scenarios if run else ()) if item.id in planned}
        titles |= {name: item.title for name, item in found.items()}
        ended.append({name: item.outcome.value for name, item in found.items()})
    rows = (Difference(name, titles[name], tuple(each.get(name, "") for each in ended)) for name in sorted(titles))
    return tuple(row for row in rows if len(set(filter(None, row.outcomes))) > 1)


def _order(cell: Cell) -> tuple[str, list[int], str]:
    numbers = [int(word) for word in cell.place.kubernetes.removeprefix("v").split(".") if word.isdigit()]
    return (cell.place.plugin, numbers, cell.place.platform)
