from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import typer
from typer.testing import CliRunner, Result

from pipeline.cli.audit import audit
from pipeline.errors import InputError

DRIFTING = {".go-version": "1.26.10\n", "Dockerfile": "FROM golang:1.26.9\n", "go.mod": "go 1.26.0\n"}


def make(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


def run(*arguments: str | Path, answer: str | None = None) -> Result:
    app = typer.Typer()
    app.command()(audit)
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=answer)


def test_drift_ends_with_1_and_tells_the_place_and_the_source(tmp_path: Path) -> None:
    result = run(make(tmp_path, DRIFTING))
    assert result.exit_code == 1
    assert "in force: Go 1.26.10 by .go-version" in result.stdout
    assert "Dockerfile:1:13" in result.stdout


def test_a_clean_tree_ends_with_0(tmp_path: Path) -> None:
    result = run(make(tmp_path, {**DRIFTING, "Dockerfile": "FROM golang:1.26.10\n"}))
    assert (result.exit_code, "clean: 2 mention(s)" in result.stdout) == (0, True)


@pytest.mark.parametrize("clean", [True, False])
def test_every_format_says_the_same(tmp_path: Path, clean: bool) -> None:
    root = make(tmp_path, DRIFTING if not clean else {".go-version": "1.26.10\n"})
    found = {form: run(root, "--format", form) for form in ("table", "json", "sarif", "github", "junit")}
    assert {result.exit_code for result in found.values()} == {0 if clean else 1}
    assert json.loads(found["json"].stdout)["clean"] is clean
    assert len(json.loads(found["sarif"].stdout)["runs"][0]["results"]) == (0 if clean else 1)
    assert found["github"].stdout.count("::error ") == (0 if clean else 1)
    report = ET.fromstring(found["junit"].stdout)
    assert (report.get("tests"), report.get("failures")) == ("1", "0" if clean else "1")


def test_output_goes_to_a_file(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    result = run(make(tmp_path, DRIFTING), "-f", "json", "-o", target)
    assert result.stdout == ""
    assert json.loads(target.read_text(encoding="utf-8"))["findings"][0]["file"] == "Dockerfile"


def test_without_anybody_to_ask_a_correction_is_only_shown(tmp_path: Path) -> None:
    root = make(tmp_path, DRIFTING)
    result = run(root, "--fix")
    assert result.exit_code == 1
    assert "+FROM golang:1.26.10" in result.stderr
    assert "nothing was written" in result.stderr
    assert (root / "Dockerfile").read_text(encoding="utf-8") == DRIFTING["Dockerfile"]


def test_yes_writes_and_audits_again(tmp_path: Path) -> None:
    root = make(tmp_path, DRIFTING)
    result = run(root, "--fix", "--yes")
    assert (result.exit_code, (root / "Dockerfile").read_text(encoding="utf-8")) == (0, "FROM golang:1.26.10\n")
    assert "clean" in result.stdout


def test_a_missing_version_file_is_offered_and_made(tmp_path: Path) -> None:
    root = make(tmp_path, {"go.mod": "go 1.25.0\ntoolchain go1.26.3\n"})
    assert "--create writes .go-version" in run(root).stdout
    assert run(root, "--create", "--yes").exit_code == 0
    assert (root / ".go-version").read_text(encoding="utf-8") == "1.26.3\n"
    assert isinstance(run(root, "--create", "--yes").exception, InputError)


def test_fixing_after_creating_uses_the_same_version(tmp_path: Path) -> None:
    root = make(tmp_path, {"go.mod": "go 1.26.3\n", "Dockerfile": "FROM golang:1.26\n"})
    assert run(root, "--create", "--fix", "--yes").exit_code == 0
    assert (root / "Dockerfile").read_text(encoding="utf-8") == "FROM golang:1.26.3\n"
