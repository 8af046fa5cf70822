"""Temporary folders of runs: removed at the end, and by others when their run died."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.host.runs import run_folder, sweep


def test_a_folder_is_private_and_gone_at_the_end(tmp_path: Path) -> None:
    with run_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "out").mkdir()
    assert not list(tmp_path.iterdir())


def test_the_folder_of_a_living_run_stays_and_that_of_a_dead_one_goes(tmp_path: Path) -> None:
    dead = tmp_path / "run-dead"
    dead.mkdir()
    (dead / ".alive").touch()
    with run_folder(tmp_path) as folder:
        assert sweep(tmp_path) == 1
        assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_has_no_lock_yet_stays_a_minute(tmp_path: Path) -> None:
    new, old = tmp_path / "run-new", tmp_path / "run-old"
    new.mkdir()
    old.mkdir()
    os.utime(old, (0, 0))
    assert sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == [new]
