"""`kms-e2e run` with a real engine: the exit codes of a host run, and what `auto` takes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.engine.calls import Answer, Call, checkout, hooked, run

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(7200)]


def kms_e2e(report: Path, *words: str, **variables: str) -> Answer:
    return run(sys.executable, "-m", "pipeline.cli", "run", f"--report={report}", *words, env=variables)


def exit_code(report: Path) -> int:
    return int(json.loads((report / "report.json").read_text())["exit_code"])


def test_a_green_run_ends_with_0(dagger: Call, tmp_path: Path) -> None:
    ended = kms_e2e(tmp_path, "--runner=dagger", "--id=A05", "--run-id=green")
    assert (ended.returncode, exit_code(tmp_path)) == (0, 0)
    assert "1 passed, 0 failed, 0 error, 0 not run of 1 planned" in ended.stdout


def test_a_red_run_ends_with_1(dagger: Call, tmp_path: Path) -> None:
    config = hooked(checkout(tmp_path / "tree"), '["true"]')  # its paths are relative to its own folder
    ended = kms_e2e(tmp_path / "report", "--runner=dagger", "--id=C31", f"--config={config}")
    assert (ended.returncode, exit_code(tmp_path / "report")) == (1, 1)
    assert "0 passed, 1 failed" in ended.stdout


def test_a_selection_of_nothing_ends_with_2_and_the_suites_own_words(dagger: Call, tmp_path: Path) -> None:
    ended = kms_e2e(tmp_path, "--runner=dagger", "--focus=^nothing$")
    assert ended.returncode == 2
    assert "error: no scenario is selected" in ended.stderr
    assert not (tmp_path / "report.json").exists()


def test_a_plugin_that_does_not_build_ends_with_2(dagger: Call, tmp_path: Path) -> None:
    (tmp_path / ".go-version").write_text("1.26.10\n")
    (tmp_path / "go.mod").write_text("module example.com/broken\n\ngo 1.26\n")
    (tmp_path / "main.go").write_text("package main\n\nfunc main() { missing() }\n")
    (tmp_path / "kms-e2e.toml").write_text('name = "broken"\n[go]\n[run]\nargv = ["{assets}/kms-plugin"]\n')
    ended = kms_e2e(tmp_path / "report", "--runner=dagger", f"--config={tmp_path / 'kms-e2e.toml'}")
    assert ended.returncode == 2
    assert "main.go:3:15: undefined: missing" in ended.stderr
    assert "error: Dagger did not run the suite" in ended.stderr


def test_a_defect_of_the_suite_ends_with_3(dagger: Call, tmp_path: Path) -> None:
    tree = checkout(tmp_path / "tree")
    file = tree / "pipeline/suite/run.py"
    file.write_text(file.read_text().replace("            _preflight(equipment)\n", "            raise ValueError\n"))
    ended = kms_e2e(tmp_path / "report", "--runner=dagger", "--id=A05", f"--module={tree}")
    assert (ended.returncode, exit_code(tmp_path / "report")) == (3, 3)
    assert "note: the suite ended with a defect of its own" in ended.stdout


def test_auto_takes_the_engine_that_answers(dagger: Call, tmp_path: Path) -> None:
    ended = kms_e2e(tmp_path, "--runner=auto", "--id=A05")
    assert ended.returncode == 0
    assert "runner: dagger (a Dagger engine answers)" in ended.stderr
    assert json.loads((tmp_path / "report.json").read_text())["host"].startswith("Linux")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PATH", "/usr/bin:/bin", "no dagger command on PATH"),
        ("_EXPERIMENTAL_DAGGER_RUNNER_HOST", "unix:///no/such/engine.sock", "no Dagger engine answers"),
    ],
)
def test_without_an_engine_dagger_is_refused(
    dagger: Call, tmp_path: Path, variable: str, value: str, message: str
) -> None:
    ended = kms_e2e(tmp_path, "--runner=dagger", "--id=A05", **{variable: value})
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "or run on the host: --runner host" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_an_engine_auto_runs_on_the_host_and_says_why(dagger: Call, tmp_path: Path) -> None:
    nowhere = {"_EXPERIMENTAL_DAGGER_RUNNER_HOST": "unix:///no/such/engine.sock"}
    ended = kms_e2e(tmp_path, "--runner=auto", "--id=A05", **nowhere)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "runner: host (no Dagger engine answers" in ended.stderr


def test_what_a_host_refuses_or_takes_from_the_environment_is_handed_on(dagger: Call, tmp_path: Path) -> None:
    ended = kms_e2e(tmp_path, "--runner=dagger", "--id=A05", FORCE_HOST_GO="y")
    assert ended.returncode == 2
    assert "FORCE_HOST_GO cannot be honoured in a container" in ended.stderr
