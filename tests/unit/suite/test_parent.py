"""What a suite that was killed leaves; no process is started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.core.plugin_spec import PluginSpec
from pipeline.core.result import NotRun, Outcome, RunReport
from pipeline.report.evidence import append_result, begin_report
from pipeline.suite import parent
from pipeline.suite.recorder import blank
from tests.unit.suite.test_selection import entry


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """Return the words of a run whose folders are there."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "plugin.json").write_text(PluginSpec(name="example", argv=("x",)).to_json())
    return [f"--assets={tmp_path / 'assets'}", f"--report={tmp_path / 'report'}"]


def begin(folder: Path) -> None:
    rows = tuple(blank(entry(name), Outcome.NOT_RUN, NotRun.INTERRUPTED) for name in ("A01", "A05"))
    begin_report(
        folder, RunReport("7", "0", 1.0, 0.0, "example", "", "", "", 1, planned=("A01", "A05"), scenarios=rows)
    )
    append_result(folder, blank(entry("A01"), Outcome.PASSED, ""))


def test_what_a_killed_suite_found_is_a_report_that_names_the_signal(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(tmp_path / "report")
    monkeypatch.setattr(parent, "run_child", lambda _: -9)
    assert parent.main(words) == 201
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["exit_code"] == 2
    assert report["interrupted"] is True
    assert report["notes"] == ["the suite was killed by signal 9 (SIGKILL)"]
    assert [row["outcome"] for row in report["scenarios"] if row["id"] == "A01"] == ["passed"]
    printed = capsys.readouterr()
    assert "1 passed, 0 failed, 0 error, 1 not run of 2 planned (interrupted)" in printed.out
    assert printed.err == "error: the suite was killed by signal 9 (SIGKILL)\n"


def test_a_suite_that_died_before_it_began_leaves_its_code(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parent, "run_child", lambda _: 137)
    assert parent.main(words) == 201
    assert not (tmp_path / "report").exists()


def test_evidence_that_cannot_be_read_is_one_message(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "run.json").write_text("{")
    monkeypatch.setattr(parent, "run_child", lambda _: -15)
    assert parent.main(words) == 207
    assert "error: not a RunReport of a report" in capsys.readouterr().err


def test_a_defect_leaves_a_report_too(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(tmp_path / "report")
    monkeypatch.setattr(parent, "run_child", lambda _: 3)
    assert parent.main(words) == 3
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (report["exit_code"], report["notes"]) == (3, ["the suite ended with a defect of its own"])


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_every_other_code_is_the_suites_own(
    code: int, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parent, "run_child", lambda _: code)
    assert parent.main(words) == code
    assert capsys.readouterr() == ("", "")
