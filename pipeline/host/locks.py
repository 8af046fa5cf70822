"""Locks between processes: the kernel drops them with their holder, however it dies."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pipeline.errors import DeadlineError

DEFAULT_TIMEOUT_S: Final = 2 * 3600.0
"""Twice the limit of the one command that a holder runs at a time."""

_POLL_S: Final = 0.2
_REPEAT_S: Final = 15.0


@contextlib.contextmanager
def exclusive(
    path: Path, what: str, *, waiting: Callable[[str], None], timeout_s: float = DEFAULT_TIMEOUT_S
) -> Iterator[None]:
    """Hold a lock file alone, while doing `what`; a run that has to wait says through `waiting` for whom.

    Raises: DeadlineError when it is not free after `timeout_s` seconds (7200 by default).
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _acquire(handle, path, waiting, timeout_s)
        _sign(handle, what)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def shared(path: Path) -> Iterator[None]:
    """Hold a lock file together with others, so that nobody holds it exclusively."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def exclusive_if_free(path: Path) -> Iterator[bool]:
    """Hold a lock file alone when that is possible at once; say whether it was."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        yield _try(handle)
    finally:
        os.close(handle)


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _acquire(handle: int, path: Path, waiting: Callable[[str], None], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    repeat_at = 0.0
    while not _try(handle):
        now = time.monotonic()
        if now >= repeat_at:
            waiting(f"waiting for another run: {_holder(handle)}")
            repeat_at = now + _REPEAT_S
        if now >= deadline:
            raise DeadlineError(
                f"another run did not finish within {timeout_s:.0f} s",
                seen=_holder(handle),
                where=str(path),
                next_step="end that process, or give this run another cache with KMS_E2E_CACHE",
            )
        time.sleep(_POLL_S)


def _sign(handle: int, what: str) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps({"pid": os.getpid(), "since": time.time(), "what": what}).encode(), 0)


def _holder(handle: int) -> str:
    try:
        holder = json.loads(os.pread(handle, 4096, 0))
        seconds = max(0.0, time.time() - float(holder["since"]))
        return f"process {int(holder['pid'])}, {holder['what']}, since {seconds:.0f} s"
    except (ValueError, KeyError, TypeError):
        return "a process that has not signed yet"
