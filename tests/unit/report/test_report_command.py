from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.report import app
from pipeline.errors import InputError
from pipeline.report.evidence import collect
from pipeline.report.write import write_report
from tests.unit.report.sample import sample_run, write_sample


@pytest.fixture
def healthy(tmp_path: Path) -> str:
    write_sample(tmp_path / "healthy", sample_run(healthy=True))
    return str(tmp_path / "healthy")


@pytest.fixture
def failing(tmp_path: Path) -> str:
    write_sample(tmp_path / "failing", sample_run())
    write_report(tmp_path / "failing", collect(tmp_path / "failing"))
    return str(tmp_path / "failing")


def test_show_prints_outcomes_and_the_statement(failing: str) -> None:
    result = CliRunner().invoke(app, ["show", failing])
    assert result.exit_code == 0
    assert "17 passed, 2 failed, 1 error, 3 not run" in result.output
    assert "not conformant: 12 of the plugin's 14 MUSTs passed" in result.output
    assert "C31 failed: the secret written after the rotation names the old keyID" in result.output


def test_markup_in_a_reason_is_text(tmp_path: Path) -> None:
    write_sample(tmp_path, sample_run())
    path = tmp_path / "results.jsonl"
    path.write_text(path.read_text().replace("both ciphertexts are equal", "[/red][bold]equal"))
    result = CliRunner().invoke(app, ["show", str(tmp_path)])
    assert result.exit_code == 0
    assert "[/red][bold]equal" in result.output


def test_html_makes_the_page_of_a_killed_run(healthy: str) -> None:
    result = CliRunner().invoke(app, ["html", healthy])
    assert result.exit_code == 0
    assert result.output.strip().endswith("report.html")
    assert "Conformant" in (Path(healthy) / "report.html").read_text()


def test_compare_exits_with_1_only_when_something_got_worse(healthy: str, failing: str) -> None:
    worse = CliRunner().invoke(app, ["compare", healthy, failing])
    assert worse.exit_code == 1
    assert "worse" in worse.output
    better = CliRunner().invoke(app, ["compare", failing, healthy])
    assert better.exit_code == 0
    same = CliRunner().invoke(app, ["compare", failing, failing])
    assert (same.exit_code, same.output.strip()) == (0, "no outcome changed")


def test_merge_refuses_the_same_run_twice(failing: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["merge", failing, failing, "--output", str(tmp_path / "merged")])
    assert isinstance(result.exception, InputError)
    assert not (tmp_path / "merged").exists()


def test_a_folder_without_report_is_an_expected_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["show", str(tmp_path)])
    assert isinstance(result.exception, InputError)
    assert result.exception.exit_code == 2
