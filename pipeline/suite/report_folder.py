"""The folder that a run's evidence goes to: made, claimed by one process, and free of what an earlier run left."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from pipeline.errors import InputError, MachineError
from pipeline.report.files import RUN_FILE

# A whole run leaves about 40 MiB, most of it logs of kube-apiserver.
NEEDED_BYTES: Final = 64 * 2**20
_PROVENANCE: Final = "provenance.json"
# What an earlier run may have left in the same folder; nothing else in it is touched.
_OUR_FOLDERS: Final = ("logs", "calls", "metrics")
_OUR_FILES: Final = (
    *("run.json", "results.jsonl", "events.jsonl", "report.json", "report.html", "junit_kms_01.xml"),
    *("conformance.json", "badge.svg", "badge.json", "upstream.json", _PROVENANCE),
)

_claimed: Final[dict[Path, int]] = {}
"""The folders of this process with the descriptor that holds each until the process ends."""


def clear_report(folder: Path) -> None:
    """Make the folder for a report, and remove what an earlier run left in it; nothing else is touched.

    Raises: InputError when another run is writing there, or files of somebody else have the names of ours;
    MachineError when it cannot be written.
    """
    _make_folder(folder)
    _claim(folder)
    _assert_ours(folder)
    for name in _OUR_FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in _OUR_FILES:
        (folder / name).unlink(missing_ok=True)


def prepare(report: Path, assets: Path) -> None:
    """Make the folder for the evidence, without what an earlier run of ours left, and copy provenance.json to it.

    Raises: InputError when it holds files of somebody else; MachineError when there is too little room.
    """
    clear_report(report)
    provenance = assets / _PROVENANCE
    if provenance.is_file():
        shutil.copyfile(provenance, report / _PROVENANCE)
    _assert_room(report)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise MachineError(
            "the folder for the report cannot be written",
            seen=error.strerror,
            wanted="a folder that this user may write to",
            where=str(folder),
            next_step="name another folder by --report",
        ) from error


def _assert_ours(folder: Path) -> None:
    """Refuse a folder in which files of somebody else have the names that are about to be removed."""
    taken = [name for name in (*_OUR_FOLDERS, *_OUR_FILES) if (folder / name).exists()]
    if taken and not (folder / RUN_FILE).is_file():
        raise InputError(
            "the folder for the report holds files that no run of ours wrote",
            seen=", ".join(taken),
            wanted=f"an empty folder, or one with an earlier report ({RUN_FILE})",
            where=str(folder),
            next_step="name another folder by --report",
        )


def _claim(folder: Path) -> None:
    """Keep other processes out of a folder until this one ends, by flock(2) on the folder itself.

    Two runs in one folder would mix their results. The kernel lets go of it however the process ends.
    """
    place = folder.resolve()
    if place in _claimed:
        return
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise InputError(
            "another run is writing its evidence there",
            seen="the folder is held by a process that has not ended",
            wanted="a folder for each run",
            where=str(folder),
            next_step="wait for the other run, or name another folder by --report",
        ) from error
    except OSError:  # a file system without locks, such as some network ones
        os.close(handle)
        return
    _claimed[place] = handle


def _assert_room(folder: Path) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < NEEDED_BYTES:
        raise MachineError(
            "there is too little room for the evidence",
            seen=f"{free_bytes / 2**20:.0f} MiB free",
            wanted=f"{NEEDED_BYTES / 2**20:.0f} MiB",
            where=str(folder),
            next_step="free some room, or name another folder by --report",
        )
