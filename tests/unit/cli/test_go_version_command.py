from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from pipeline.cli.go_version import go_version
from pipeline.errors import InputError
from pipeline.host.build import BuildRequest, plan
from pipeline.host.progress import Silent

BEFORE = {".go-version": "1.26.9\n", "Dockerfile": "FROM golang:1.26.9-alpine\n", "go.mod": "go 1.26.0\n"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in BEFORE.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run(root: Path, *arguments: str) -> Result:
    app = typer.Typer()
    app.command()(go_version)
    return CliRunner().invoke(app, ["--source", str(root), *arguments])


def content(root: Path) -> dict[str, str]:
    return {name: (root / name).read_text(encoding="utf-8") for name in BEFORE}


@pytest.mark.parametrize(
    ("given", "written"), [("1.26.10", "1.26.10"), ("go1.26.10", "1.26.10"), ("1.27rc1", "1.27rc1")]
)
def test_a_bump_changes_the_file_and_what_the_audit_knows_but_no_lower_bound(
    root: Path, given: str, written: str
) -> None:
    result = run(root, "--set", given, "--yes")
    assert result.exit_code == 0, result.output
    assert f"+FROM golang:{written}-alpine" in result.stderr
    assert content(root) == {
        ".go-version": f"{written}\n",
        "Dockerfile": f"FROM golang:{written}-alpine\n",
        "go.mod": "go 1.26.0\n",
    }


def test_without_anybody_to_ask_a_bump_is_only_shown(root: Path) -> None:
    result = run(root, "--set", "1.26.10")
    assert (result.exit_code, content(root)) == (1, BEFORE)
    assert "+1.26.10" in result.stderr


def test_a_mention_that_cannot_be_corrected_is_shown_and_ends_with_1(root: Path) -> None:
    (root / "go.mod").write_text("go 1.28.0\n", encoding="utf-8")
    result = run(root, "--set", "1.26.10", "--yes")
    assert result.exit_code == 1
    assert "go.mod:1" in result.stdout


def test_a_second_bump_changes_nothing(root: Path) -> None:
    assert run(root, "--set", "1.26.10", "--yes").exit_code == 0
    assert "nothing to change" in run(root, "--set", "1.26.10").stderr


@pytest.mark.parametrize("bad", ["1.26", "latest", "1.26.10\n1.26.9", "../1.26.10", ""])
def test_what_is_no_version_is_refused_and_nothing_written(root: Path, bad: str) -> None:
    assert isinstance(run(root, "--set", bad, "--yes").exception, InputError)
    assert content(root) == BEFORE


def test_options_that_would_be_ignored_are_refused(root: Path) -> None:
    assert isinstance(run(root, "--set", "1.26.10", "--json").exception, InputError)


def test_settings_that_builds_do_not_see_are_reported(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOFLAGS", "GOENV", "GOROOT", "GOTOOLCHAIN", "GO_VERSION", "FORCE_HOST_GO"):
        monkeypatch.delenv(name, raising=False)
    assert "not passed" not in run(root).stdout
    monkeypatch.setenv("GOFLAGS", "-mod=mod")
    monkeypatch.setenv("GOROOT", "/usr/lib/go")
    assert "not passed to builds: GOROOT=/usr/lib/go" in run(root).stdout
    assert json.loads(run(root, "--json").stdout)["not_passed"] == ["GOFLAGS=-mod=mod", "GOROOT=/usr/lib/go"]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("GOSUMDB", "off", "checksum database"),
        ("GOSUMDB", "sum.example.com+0123abcd+AAAA", "does not know"),
        ("GONOSUMDB", "*", "checksum database"),
        ("GOPRIVATE", "example.com/*", "checksum database"),
        ("GOINSECURE", "example.com", "checksum database"),
        ("GONOSUMCHECK", "1", "checksum database"),
        ("GOFLAGS", "-mod=mod -insecure", "checksum database"),
        ("GOPROXY", "ftp://example.com", "not a module proxy"),
    ],
)
def test_what_every_build_refuses_is_said_beforehand(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    for other in ("GOFLAGS", "GOSUMDB", "GOPROXY", "GOTOOLCHAIN", "GO_VERSION", "FORCE_HOST_GO"):
        monkeypatch.delenv(other, raising=False)
    assert "refused" not in run(root).stdout
    assert json.loads(run(root, "--json").stdout)["refused"] == []
    monkeypatch.setenv(name, value)
    said = run(root)
    assert said.exit_code == 0
    assert f"refused by builds: {name}={value}: " in said.stdout
    (refusal,) = json.loads(run(root, "--json").stdout)["refused"]
    assert refusal["setting"] == f"{name}={value}"
    assert reason in refusal["reason"]
    with pytest.raises(InputError):
        plan(BuildRequest(root), Silent())


def test_a_password_in_a_refused_proxy_is_not_shown(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPROXY", "ftp://user:secret@example.com")
    for arguments in ((), ("--json",)):
        assert "ftp://***@example.com" in run(root, *arguments).stdout
        assert "secret" not in run(root, *arguments).stdout


def test_the_current_folder_is_told_of_when_it_is_a_go_project(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    app = typer.Typer()
    app.command()(go_version)
    assert f"go1.26.9, from .go-version ({root}/.go-version)" in CliRunner().invoke(app).stdout
    (root / ".go-version").write_text("1.26.9\nx")
    refused = CliRunner().invoke(app).exception
    assert isinstance(refused, InputError)
    assert str(root) in str(refused.where)


def test_go_mod_stands_in_for_a_missing_file_as_in_a_build(root: Path) -> None:
    (root / ".go-version").unlink()
    (root / "go.mod").write_text("module m\n\ngo 1.26.0\n\ntoolchain go1.26.9\n")
    assert f"go1.26.9, from go.mod ({root}/go.mod)" in run(root).stdout


def test_a_folder_without_either_tells_of_the_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(go_version)
    assert f"({Path(__file__).parents[3]}/.go-version)" in CliRunner().invoke(app).stdout
    missing = run(tmp_path / "missing").exception
    assert isinstance(missing, InputError)
    assert missing.what == "there is no such folder"
