from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.core.result import NotRun
from pipeline.errors import InputError, MachineError
from pipeline.suite import run
from pipeline.suite.selection import Selection
from tests.unit.suite.test_selection import entry


def test_too_little_room_is_said_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=run.NEEDED_BYTES - 1))
    with pytest.raises(MachineError, match="too little room"):
        run._assert_room(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=run.NEEDED_BYTES))
    run._assert_room(tmp_path)


def test_a_folder_that_cannot_be_written_is_said_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/absent")):
        with pytest.raises(MachineError, match="cannot be written"):
            run._make_folder(folder)
    run._make_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_somebody_elses_files_are_not_removed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with pytest.raises(InputError, match="no run of ours wrote"):
        run._assert_ours(tmp_path)
    (tmp_path / "run.json").touch()
    run._assert_ours(tmp_path)


@pytest.mark.parametrize(
    ("selection", "soak", "planned", "reason"),
    [
        (Selection(), True, False, NotRun.SOAK),
        (Selection(soak=True, families=("A",)), True, False, NotRun.NOT_SELECTED),
        (Selection(fast=True), False, False, NotRun.NOT_SELECTED),
        (Selection(), False, True, NotRun.INTERRUPTED),
    ],
)
def test_what_is_not_run_has_its_reason(selection: Selection, soak: bool, planned: bool, reason: NotRun) -> None:
    assert run._why_not(entry("D79", soak=soak), selection, planned=planned) is reason


def test_other_files_are_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    run._assert_ours(tmp_path)
