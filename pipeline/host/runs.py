"""Private temporary folders of runs, which are removed as soon as their run is dead."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline.errors import MachineError

_PREFIX: Final = "run-"
_LOCK: Final = ".alive"
_GRACE_S: Final = 60.0
"""How old a folder without a lock must be: between its making and its lock lie microseconds."""


@contextlib.contextmanager
def run_folder(parent: Path) -> Iterator[Path]:
    """Give a new folder, and remove it at the end. The kernel drops its lock when the process dies, however it does.

    Raises: MachineError when it cannot be made.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        raise MachineError("a temporary folder cannot be made", seen=str(error), where=str(parent)) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def sweep(parent: Path) -> int:
    """Remove the folders of dead runs, and return how many there were."""
    removed = 0
    for folder in parent.glob(f"{_PREFIX}*"):
        if _is_dead(folder):
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed


def _is_dead(folder: Path) -> bool:
    try:
        handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        with contextlib.suppress(OSError):
            return time.time() - folder.stat().st_mtime > _GRACE_S
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
