"""A suite that is killed leaves a report, and a parent that is killed or asked to stop leaves no suite."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture
def started(assets: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run family A below a parent; return the parent and the suite's process id when a scenario has ended."""
    words = ("pipeline.suite.parent", f"--assets={assets}", f"--report={tmp_path}", "--family=A", "--parallel=1")
    with subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.PIPE, text=True) as parent:
        reached(lambda: (tmp_path / "results.jsonl").is_file() or parent.poll() is not None)
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        try:
            yield parent, int(children[0])
        finally:
            parent.kill()


def reached(state: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not state():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_suite_leaves_its_evidence(started: tuple[subprocess.Popen[str], int], tmp_path: Path) -> None:
    parent, suite = started
    os.kill(suite, signal.SIGKILL)
    printed, _ = parent.communicate(timeout=60)
    assert parent.returncode == 192 + signal.SIGKILL
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["exit_code"], report["interrupted"]) == (2, True)
    assert report["notes"][-1] == "the suite was killed by signal 9 (SIGKILL)"
    outcomes = {row["id"]: row["outcome"] for row in report["scenarios"] if row["id"] in report["planned"]}
    assert {"passed", "not run"} <= set(outcomes.values())
    assert "(interrupted)" in printed
    assert (tmp_path / "junit_kms_01.xml").is_file()


def test_a_request_to_stop_is_handed_on(started: tuple[subprocess.Popen[str], int], tmp_path: Path) -> None:
    parent, _ = started
    parent.send_signal(signal.SIGTERM)
    printed, _ = parent.communicate(timeout=60)
    assert parent.returncode == 1
    assert "(interrupted)" in printed
    assert json.loads((tmp_path / "report.json").read_text())["interrupted"] is True


def test_a_killed_parent_takes_the_suite_along(started: tuple[subprocess.Popen[str], int]) -> None:
    parent, suite = started
    parent.kill()
    parent.wait()
    reached(lambda: not Path(f"/proc/{suite}/cmdline").is_file() or not Path(f"/proc/{suite}/cmdline").read_bytes())
