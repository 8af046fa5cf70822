from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.result import NotRun, Outcome, RunReport
from pipeline.errors import InputError
from pipeline.report.conformance import Verdict, statement_of
from pipeline.report.evidence import collect, read_report
from pipeline.report.merge import merge_folders, merge_reports
from pipeline.report.write import write_report
from tests.unit.report.sample import blank, sample_run, write_sample


def shard(run: RunReport, planned: set[str]) -> RunReport:
    """Return what a shard that was given `planned` reports: the rest of what can run was not selected."""
    return replace(
        run,
        run_id=f"{run.run_id}-{len(planned)}",
        planned=tuple(sorted(planned)),
        scenarios=tuple(
            item
            if item.id in planned or item.id not in run.planned
            else replace(blank(item), reason=NotRun.NOT_SELECTED)
            for item in run.scenarios
        ),
    )


def shards(run: RunReport) -> tuple[RunReport, RunReport]:
    return shard(run, set(run.planned[:9])), shard(run, set(run.planned[9:]))


def test_two_shards_make_the_whole() -> None:
    run = sample_run(healthy=True)
    one, two = shards(run)
    assert [statement_of(part).verdict for part in (one, two)] == [Verdict.INCOMPLETE] * 2
    merged = merge_reports([two, one])
    assert merged.scenarios == run.scenarios
    assert merged.planned == run.planned
    assert statement_of(merged).verdict is Verdict.CONFORMANT
    assert (merged.exit_code, merged.interrupted, merged.notes) == (0, False, ())


def test_the_worst_exit_code_and_an_interruption_stay() -> None:
    one, two = shards(sample_run(healthy=True))
    merged = merge_reports([one, replace(two, exit_code=2, interrupted=True, finished_at=two.finished_at + 5)])
    assert (merged.exit_code, merged.interrupted) == (2, True)
    assert merged.finished_at == two.finished_at + 5


def test_the_same_scenario_in_two_reports_is_refused() -> None:
    one, two = shards(sample_run())
    with pytest.raises(InputError, match="ran the same scenario") as caught:
        merge_reports([one, replace(two, planned=(*two.planned, "A05"))])
    assert str(caught.value.seen).startswith("A05 in ")


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_reports_are_refused(count: int) -> None:
    with pytest.raises(InputError, match="nothing to merge"):
        merge_reports([sample_run()] * count)


def test_other_versions_and_binaries_are_said() -> None:
    one, two = shards(sample_run())
    other = replace(two, kubernetes="v1.36.0", artifacts=(replace(two.artifacts[1], sha256="00"),))
    assert merge_reports([one, other]).notes == (
        "the merged reports differ in kubernetes: v1.37.2, v1.36.0",
        "the merged reports were made with different binaries of kms-plugin",
    )


def test_folders_are_merged_with_their_evidence(tmp_path: Path) -> None:
    run = sample_run()
    for name, part in zip("ab", shards(run), strict=True):
        write_sample(tmp_path / name, part)
        write_report(tmp_path / name, collect(tmp_path / name))
    merged = merge_folders([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    assert read_report(tmp_path / "c") == merged
    assert {item.plane for item in merged.scenarios if item.plane} == {
        "shard1-wire",
        "shard2-wire",
        "shard2-shared",
        "shard2-rotation",
    }
    planes = {path.name for path in (tmp_path / "c" / "logs").iterdir()}
    assert {"shard1-wire", "shard2-rotation"} <= planes
    calls = (tmp_path / "c" / "calls" / "shard1-wire.jsonl").read_text().splitlines()
    assert len(calls) == len([call for call in run.calls if call.plane == "wire"])
    assert (tmp_path / "c" / "provenance.json").is_file()
    page = (tmp_path / "c" / "report.html").read_text()
    assert "Not conformant" in page
    assert "kube-apiserver log" in page[page.index('id="C31"') : page.index('id="C32"')]


def test_a_provenance_that_differs_is_kept_beside(tmp_path: Path) -> None:
    for name, part in zip("ab", shards(sample_run()), strict=True):
        write_sample(tmp_path / name, part)
        (tmp_path / name / "provenance.json").write_text(f'{{"shard": "{name}"}}')
    merge_folders([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    assert (tmp_path / "c" / "shard2-provenance.json").read_text() == '{"shard": "b"}'


def test_an_output_that_holds_something_is_refused(tmp_path: Path) -> None:
    one, two = shards(sample_run())
    write_sample(tmp_path / "a", one)
    write_sample(tmp_path / "b", two)
    with pytest.raises(InputError, match="new or empty folder"):
        merge_folders([tmp_path / "a", tmp_path / "b"], tmp_path / "a")


def test_a_scenario_that_no_shard_ran_stays_not_run() -> None:
    run = sample_run(healthy=True)
    merged = merge_reports([shard(run, {"A01"}), shard(run, {"A02"})])
    found = {item.id: item.outcome for item in merged.scenarios}
    assert (found["A01"], found["A02"], found["A05"]) == (Outcome.PASSED, Outcome.PASSED, Outcome.NOT_RUN)
