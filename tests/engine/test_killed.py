"""A suite that is killed inside its exec: its evidence is exported and its verdict says so."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from tests.engine.calls import Call, hooked

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(3600)]
# Kills the process `python -m pipeline.suite`, as the out-of-memory killer does, and nothing else.
KILL_SUITE = """
import os, pathlib
for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    if file.read_bytes().split(bytes(1))[2:3] == [b"pipeline.suite"]:
        os.kill(int(file.parent.name), 9)
"""
KILL_ALL = "import os; os.kill(-1, 9)"  # all that the container runs, but its process 1


def words(tmp_path: Path, program: str) -> tuple[str, ...]:
    """Return the words of a run whose rotate hook is a Python program."""
    config = hooked(tmp_path, json.dumps(["{python}", "-c", program]))
    return ("call", f"--run-id={uuid.uuid4().hex}", f"--config={config}", "report", "--focus=^C3[12] ", "--parallel=1")


def test_a_killed_suite_exports_its_evidence_and_its_verdict_names_the_signal(dagger: Call, tmp_path: Path) -> None:
    run = words(tmp_path, KILL_SUITE)
    evidence = dagger(*run, "directory", "export", f"--path={tmp_path / 'report'}")
    verdict = dagger(*run, "verdict")
    assert evidence.returncode == 0, evidence.stderr[-2000:]
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["planned"] == ["C31", "C32"]
    assert report["interrupted"] is True
    assert report["exit_code"] == 2
    assert "the suite was killed by signal 9 (SIGKILL)" in report["notes"]
    assert list((tmp_path / "report" / "logs").rglob("kube-apiserver.log"))
    assert (tmp_path / "report" / "junit_kms_01.xml").is_file()
    assert verdict.returncode == 1
    assert "the suite was killed by signal 9 (SIGKILL)" in verdict.stderr
    assert "Traceback" not in verdict.stderr


def test_a_killed_container_is_one_message(dagger: Call, tmp_path: Path) -> None:
    verdict = dagger(*words(tmp_path, KILL_ALL), "verdict")
    assert verdict.returncode == 1
    assert "the suite's container was killed" in verdict.stderr
    assert "Traceback" not in verdict.stderr
