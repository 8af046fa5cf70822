"""Runs at once, runs that are killed, full disks: nothing is left behind and the cache stays good."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pipeline.host.command import Command, run_command
from tests.e2e.host.helpers import Source, Start, assert_gone, wait_for_processes

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
COMPILING = "kms-plugin with go1.26.10 …"


def test_two_runs_at_once_do_the_work_once(start: Start, source: Source, tmp_path: Path) -> None:
    source.write_slow(tmp_path.name)
    one = start("one")
    one.wait_for(COMPILING)
    other = start("other")
    other.wait_for("waiting for another run")
    assert (one.finish(), other.finish()) == (0, 0), one.text() + other.text()
    assert f"process {one.process.pid}, building plugin, since " in other.text()
    assert "compiled ('kms-plugin',)" in one.text()
    assert "compiled ()" in other.text()
    binaries = [(tmp_path / f"assets-{name}" / "kms-plugin").read_bytes() for name in ("one", "other")]
    assert binaries[0] == binaries[1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_killed_run_leaves_no_process_and_a_good_cache(
    start: Start, source: Source, cache: Path, tmp_path: Path, number: signal.Signals
) -> None:
    source.write_slow(tmp_path.name)
    run = start("killed")
    run.wait_for(COMPILING)
    wait_for_processes(cache)
    os.kill(run.process.pid, number)
    assert run.finish(timeout_s=20) != 0
    assert_gone(cache)
    again = start("again")
    assert again.finish() == 0, again.text()
    assert "compiled ('kms-plugin',)" in again.text()
    assert "waiting for another run" not in again.text()
    assert not list((cache / "tmp").glob("run-*"))


def test_a_killed_guard_takes_the_command_with_it(cache: Path, start: Start, source: Source, tmp_path: Path) -> None:
    source.write_slow(tmp_path.name)
    run = start("guard")
    run.wait_for(COMPILING)
    (guard,) = [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and f"PPid:\t{run.process.pid}\n" in _status(entry)
    ]
    os.kill(guard, signal.SIGKILL)
    assert run.finish(timeout_s=20) != 0
    assert_gone(cache)
    assert "BuildError" in run.text()


def _status(entry: Path) -> str:
    try:
        return (entry / "status").read_text()
    except OSError:
        return ""


def test_a_full_disk_is_said_and_the_next_run_works(start: Start) -> None:
    limited = start("limited", FILE_LIMIT_BYTES="1000000")
    assert limited.finish() != 0
    assert "MachineError" in limited.text()
    assert "the disk is full" in limited.text()
    again = start("again")
    assert again.finish() == 0, again.text()


def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    command = Command(
        ("sh", "-c", "sleep 1000 & sleep 1000"), tmp_path, os.environ, tmp_path / "log", tmp_path / "tmp", timeout_s=0.5
    )
    finished = run_command(command)
    assert finished.timed_out
    assert finished.exit_code != 0
    assert not (tmp_path / "tmp").exists()


def test_lines_come_as_they_are_written_and_are_kept_in_the_log(tmp_path: Path) -> None:
    lines: list[str] = []
    command = Command(
        ("sh", "-c", "echo one; echo two >&2; exit 3"), tmp_path, os.environ, tmp_path / "log", tmp_path / "tmp"
    )
    finished = run_command(command, lines.append)
    assert (finished.exit_code, finished.tail, lines) == (3, ("one", "two"), ["one", "two"])
    assert "one\ntwo\nexit code 3\n" in (tmp_path / "log").read_text()


def test_a_command_that_is_missing_ends_with_127(tmp_path: Path) -> None:
    command = Command(("/no/such/go",), tmp_path, os.environ, tmp_path / "log", tmp_path / "tmp")
    finished = run_command(command)
    assert (finished.exit_code, finished.tail) == (127, ("/no/such/go: No such file or directory",))
