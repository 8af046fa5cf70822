from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.errors import InputError, MachineError
from pipeline.suite import report_folder


def test_too_little_room_is_said_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=report_folder.NEEDED_BYTES - 1))
    with pytest.raises(MachineError, match="too little room"):
        report_folder._assert_room(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=report_folder.NEEDED_BYTES))
    report_folder._assert_room(tmp_path)


def test_a_folder_that_cannot_be_written_is_said_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/absent")):
        with pytest.raises(MachineError, match="cannot be written"):
            report_folder._make_folder(folder)
    report_folder._make_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_somebody_elses_files_are_not_removed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with pytest.raises(InputError, match="no run of ours wrote"):
        report_folder._assert_ours(tmp_path)
    (tmp_path / "run.json").touch()
    report_folder._assert_ours(tmp_path)


def test_other_files_are_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    report_folder._assert_ours(tmp_path)


def test_a_folder_that_another_run_writes_to_is_left_alone(tmp_path: Path) -> None:
    for name in ("run.json", "report.json"):
        (tmp_path / name).touch()
    other = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(InputError, match="another run is writing its evidence there") as caught:
        report_folder.clear_report(tmp_path)
    assert caught.value.where == str(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.json", "run.json"]
    os.close(other)
    report_folder.clear_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_process_keeps_its_folder_and_may_use_it_again(tmp_path: Path) -> None:
    report_folder.clear_report(tmp_path)
    report_folder.clear_report(tmp_path / ".")
    other = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
