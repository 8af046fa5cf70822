"""A matrix of runs: cells in order, the worst exit code, where the cells differ, and shards merged on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.result import NotRun, Outcome, RunReport
from pipeline.errors import EXIT_SUITE_FAILED, EXIT_WRONG_INPUT, InputError
from pipeline.report import files
from pipeline.report.matrix import Cell, Place, cell_of, error_cell, matrix_of, place_of
from pipeline.report.matrix_folder import collect_matrix, write_matrix
from pipeline.report.write import write_report
from tests.unit.report.sample import sample_run


def run_on(kubernetes: str, exit_code: int = 1) -> RunReport:
    run = replace(sample_run(), kubernetes=kubernetes, platform="linux/amd64", kms_version="v0.36.3")
    return replace(run, exit_code=exit_code)


def with_outcome(run: RunReport, name: str, outcome: Outcome) -> RunReport:
    rows = tuple(replace(item, outcome=outcome) if item.id == name else item for item in run.scenarios)
    return replace(run, scenarios=rows)


def cells(*runs: RunReport) -> list[tuple[Cell, RunReport | None]]:
    return [(cell_of(run, place_of(run).folder), run) for run in runs]


def test_cells_stand_in_the_order_of_versions_and_count_what_was_planned() -> None:
    found = matrix_of(cells(*(run_on(f"v1.{minor}.1") for minor in (37, 9, 36))))
    assert [cell.place.kubernetes for cell in found.cells] == ["v1.9.1", "v1.36.1", "v1.37.1"]
    (cell, run) = cells(run_on("v1.36.1"))[0]
    assert run is not None
    assert cell.passed + cell.failed + cell.not_run == len(run.planned)
    assert (cell.kms_version, cell.place.folder) == ("v0.36.3", f"{run.plugin}-v1.36.1-linux-amd64".replace(" ", "-"))


@pytest.mark.parametrize(("code", "outcome"), [(0, "passed"), (1, "failed"), (2, "error"), (3, "error")])
def test_a_cell_ends_as_its_run_did_and_the_matrix_as_its_worst_cell(code: int, outcome: str) -> None:
    good, other = run_on("v1.36.1", exit_code=0), run_on("v1.37.1", exit_code=code)
    found = matrix_of(cells(good, other))
    assert found.cells[1].outcome == outcome
    assert found.exit_code == code


def test_nothing_passed_is_a_failure_and_a_cell_not_run_alone_is_none() -> None:
    absent = Cell(Place("p", "v1.37.1", "linux/arm64"), Outcome.NOT_RUN, reason=NotRun.NEEDS_ARCHITECTURE)
    assert matrix_of([(absent, None)]).exit_code == EXIT_SUITE_FAILED
    assert matrix_of([(absent, None), *cells(run_on("v1.36.1", exit_code=0))]).exit_code == 0
    broken = error_cell(Place("p", "v1.36.1", "linux/amd64"), InputError("no such folder", seen="x"))
    assert (broken.exit_code, broken.outcome) == (EXIT_WRONG_INPUT, Outcome.ERROR)
    assert "no such folder" in broken.reason


def test_names_the_scenarios_that_did_not_end_alike_and_no_others() -> None:
    first = run_on("v1.36.1")
    second = with_outcome(run_on("v1.37.1"), "A05", Outcome.FAILED)
    (difference,) = matrix_of(cells(first, second)).differences
    assert (difference.id, difference.outcomes) == ("A05", ("passed", "failed"))
    assert matrix_of(cells(first, run_on("v1.37.1"))).differences == ()


def test_a_scenario_that_one_run_did_not_plan_is_no_difference() -> None:
    first, second = run_on("v1.36.1"), run_on("v1.37.1")
    second = replace(second, planned=tuple(name for name in second.planned if name != "A05"))
    assert matrix_of(cells(first, second)).differences == ()


def test_writes_a_table_that_links_each_report_and_escapes_what_it_is_told(tmp_path: Path) -> None:
    absent = Cell(Place("<script>", "v1.37.1", "linux/arm64"), Outcome.NOT_RUN, reason=NotRun.NEEDS_ARCHITECTURE)
    found = matrix_of([(absent, None), *cells(run_on("v1.36.1"))])
    write_matrix(tmp_path, found)
    page = (tmp_path / files.MATRIX_HTML_FILE).read_text()
    assert "<script>" not in page
    assert "needs another architecture" in page
    (folder,) = [cell.report for cell in found.cells if cell.report]
    assert f'href="{folder}/report.html"' in page.replace("%20", " ")
    document = json.loads((tmp_path / files.MATRIX_FILE).read_text())
    assert [cell["outcome"] for cell in document["cells"]].count("not run") == 1


def test_collects_the_reports_of_jobs_and_merges_the_shards_of_a_run(tmp_path: Path) -> None:
    whole = run_on("v1.37.1")
    half = len(whole.planned) // 2
    parts = [
        replace(whole, run_id=f"s{number}", planned=ids)
        for number, ids in enumerate((whole.planned[:half], whole.planned[half:]))
    ]
    folders = []
    for number, run in enumerate([*parts, run_on("v1.36.1")]):
        folders.append(tmp_path / f"job{number}")
        write_report(folders[-1], run)
    found = collect_matrix(folders, tmp_path / "out")
    assert [cell.place.kubernetes for cell in found.cells] == ["v1.36.1", "v1.37.1"]
    assert found.cells[0].passed == found.cells[1].passed
    for cell in found.cells:
        assert (tmp_path / "out" / cell.report / files.HTML_FILE).is_file()
    with pytest.raises(InputError, match="new or empty"):
        collect_matrix(folders, tmp_path / "out")
