"""Turns to start a control plane: on one machine no more start at once than it has processors.

A start keeps a processor busy for seconds. Two dozen in the same second, as in a whole run, took so long on two
processors that etcd missed its leases and kube-apiserver gave up; in turns they take no longer in all.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

TURN_TIMEOUT_S: Final = 120.0
_POLL_S: Final = 0.05
_NAME: Final = "kms-e2e/start-{}"


@contextmanager
def turn(names: str = _NAME, *, most: int | None = None, timeout_s: float = TURN_TIMEOUT_S) -> Iterator[float]:
    """Hold one of `most` turns (one a processor by default), and give the seconds that were waited for it.

    Turns are a courtesy between the runs of a machine: whoever has waited `timeout_s` seconds goes on without one. The
    deadline of a test, which pytest-timeout keeps by the process's interval timer, stands still during the wait.
    """
    began = time.monotonic()
    with _timer_stopped():
        holder = _take(names, most or os.cpu_count() or 1, began + timeout_s)
    try:
        yield time.monotonic() - began
    finally:
        if holder is not None:
            holder.close()


def _take(names: str, most: int, deadline: float) -> socket.socket | None:
    while time.monotonic() < deadline:
        for number in range(most):
            holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                # Linux's abstract names (unix(7)): no file is left, and the kernel frees them however the holder ends.
                holder.bind("\0" + names.format(number))
            except OSError as error:
                holder.close()
                if error.errno != errno.EADDRINUSE:
                    return None  # a system without them
            else:
                return holder
        time.sleep(_POLL_S)
    return None


@contextmanager
def _timer_stopped() -> Iterator[None]:
    left_s, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left_s)
