from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.result import NotRun, Outcome, from_json, to_json
from pipeline.core.result import RunReport as Run
from pipeline.errors import InputError
from pipeline.report.evidence import append_result, begin_report, collect, read_report
from pipeline.report.write import write_report
from tests.unit.report.sample import sample_run, write_sample


def test_what_was_written_is_collected(tmp_path: Path) -> None:
    run = sample_run()
    write_sample(tmp_path, run)
    found = collect(tmp_path)
    assert found.notes == ()
    assert found.scenarios == run.scenarios
    assert found.calls == run.calls
    assert found.artifacts == run.artifacts
    assert (found.kubernetes, found.go_version, found.go_version_source) == ("v1.37.2", "1.26.10", ".go-version")
    assert len(found.events) == len(run.events)
    assert (found.exit_code, found.interrupted) == (1, False)


def test_a_healthy_run_collects_to_exit_code_0(tmp_path: Path) -> None:
    write_sample(tmp_path, sample_run(healthy=True))
    assert collect(tmp_path).exit_code == 0


def test_an_interrupted_run_names_what_it_did_not_reach(tmp_path: Path) -> None:
    run = sample_run(healthy=True)
    write_sample(tmp_path, run, results=5)
    found = collect(tmp_path)
    missing = [item for item in found.scenarios if item.reason == NotRun.INTERRUPTED]
    assert [item.id for item in missing] == list(run.planned[5:])
    assert {item.outcome for item in missing} == {Outcome.NOT_RUN}
    assert (found.exit_code, found.interrupted) == (1, True)
    assert found.finished_at == max(event.at for event in run.events)


def test_a_killed_run_has_its_report_remade(tmp_path: Path) -> None:
    write_sample(tmp_path, sample_run(healthy=True), results=5)
    write_report(tmp_path, read_report(tmp_path))
    assert read_report(tmp_path) == collect(tmp_path)


@pytest.mark.parametrize("cut", [1, 20, 150])
def test_a_torn_last_line_is_left_out_and_said(tmp_path: Path, cut: int) -> None:
    run = sample_run(healthy=True)
    write_sample(tmp_path, run)
    path = tmp_path / "results.jsonl"
    path.write_bytes(path.read_bytes()[: -cut - 1])
    found = collect(tmp_path)
    assert [item.id for item in found.scenarios if item.reason == NotRun.INTERRUPTED] == [run.planned[-1]]
    assert any(note.startswith("results.jsonl: the last line is torn") for note in found.notes)


def test_a_line_cut_only_of_its_end_counts(tmp_path: Path) -> None:
    write_sample(tmp_path, sample_run(healthy=True))
    path = tmp_path / "results.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    assert not collect(tmp_path).interrupted


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    write_sample(tmp_path, sample_run(), results=3)
    path = tmp_path / "calls" / "wire.jsonl"
    lines = path.read_text().splitlines()
    lines[4] = "\x00" * 30
    path.write_text("\n".join(lines) + "\n")
    found = collect(tmp_path)
    assert any(note.startswith("calls/wire.jsonl: line 5 cannot be read") for note in found.notes)
    assert len([call for call in found.calls if call.plane == "wire"]) == len(lines) - 1


def test_the_worst_of_two_results_counts(tmp_path: Path) -> None:
    run = sample_run(healthy=True)
    write_sample(tmp_path, run)
    first = run.scenarios[0]
    append_result(tmp_path, replace(first, outcome=Outcome.FAILED, reason="second"))
    append_result(tmp_path, first)
    found = collect(tmp_path)
    assert found.scenarios[0].reason == "second"
    assert found.exit_code == 1
    assert sum("more than one result" in note for note in found.notes) == 2


def test_an_unplanned_result_is_kept_and_said(tmp_path: Path) -> None:
    run = sample_run(healthy=True)
    write_sample(tmp_path, run)
    append_result(tmp_path, replace(run.scenarios[0], id="Z99"))
    found = collect(tmp_path)
    assert "Z99" in [item.id for item in found.scenarios]
    assert any("Z99 has a result" in note for note in found.notes)


def test_a_plan_without_description_is_refused(tmp_path: Path) -> None:
    run = replace(sample_run(), planned=("A01", "Q77"))
    with pytest.raises(InputError, match="planned and not described") as caught:
        begin_report(tmp_path, run)
    assert caught.value.seen == "Q77"


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ((Outcome.ERROR, True), 2),
        ((Outcome.ERROR, False), 1),
        ((Outcome.FAILED, False), 1),
    ],
)
def test_only_what_the_run_was_given_is_at_fault_with_exit_code_2(
    bad: tuple[Outcome, bool], code: int, tmp_path: Path
) -> None:
    first, second, *others = sample_run(healthy=True).scenarios
    scenarios = (
        replace(first, outcome=Outcome.ERROR, wrong_input=True),
        replace(second, outcome=bad[0], wrong_input=bad[1]),
        *others,
    )
    run = replace(sample_run(healthy=True), scenarios=scenarios)
    write_sample(tmp_path, run)
    assert collect(tmp_path).exit_code == code


def test_nothing_passed_is_no_success(tmp_path: Path) -> None:
    run = replace(sample_run(), planned=(), scenarios=(), calls=(), events=())
    begin_report(tmp_path, run)
    assert collect(tmp_path).exit_code == 1


def test_a_folder_without_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no report") as caught:
        read_report(tmp_path)
    assert caught.value.seen == "an empty folder"
    with pytest.raises(InputError) as caught:
        read_report(tmp_path / "absent")
    assert caught.value.seen == "no such folder"


def test_the_written_report_wins_over_the_raw_evidence(tmp_path: Path) -> None:
    write_sample(tmp_path, sample_run())
    run = replace(collect(tmp_path), exit_code=2)
    write_report(tmp_path, run)
    assert read_report(tmp_path) == run


@pytest.mark.parametrize("text", ["{", "[]", '{"artifacts": {"etcd": 3}}', '{"artifacts": [{"name": "etcd"}]}'])
def test_a_provenance_without_artifacts_is_said(tmp_path: Path, text: str) -> None:
    write_sample(tmp_path, sample_run())
    (tmp_path / "provenance.json").write_text(text)
    found = collect(tmp_path)
    assert found.artifacts == ()
    assert any(note.startswith("provenance.json: ") for note in found.notes)


def test_a_byte_that_is_no_utf8_stays_json(tmp_path: Path) -> None:
    run = replace(sample_run(), host="name \udcff")
    begin_report(tmp_path, run)
    text = (tmp_path / "run.json").read_text(encoding="utf-8")
    assert json.loads(text)["host"] == "name \udcff"
    assert from_json(Run, to_json(run), where="here") == run
