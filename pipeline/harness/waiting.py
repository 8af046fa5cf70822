"""Wait on state, not on time: a deadline, a poll, and an early end when a process involved dies."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from pipeline.errors import DeadlineError

DEFAULT_POLL_S: Final = 0.05

Value = TypeVar("Value")


class Mortal(Protocol):
    """Something that a wait depends on and that can die."""

    def assert_alive(self) -> None:
        """Raise ProcessError with exit code and last log lines when it is dead."""


def wait_until(
    what: str,
    check: Callable[[], Value | None],
    *,
    timeout_s: float,
    poll_s: float = DEFAULT_POLL_S,
    alive: Sequence[Mortal] = (),
) -> Value:
    """Return the first value of `check` that is neither None nor False.

    `check` may return a text that begins with "not yet:" to say what it saw; the last one is in the error.

    Raises: ProcessError when one of `alive` died; DeadlineError after `timeout_s` seconds.
    """
    deadline = time.monotonic() + timeout_s
    seen = ""
    while True:
        value = check()
        if isinstance(value, str) and value.startswith("not yet:"):
            seen = value.removeprefix("not yet:").strip()
        elif value is not None and value is not False:
            return value
        for process in alive:
            process.assert_alive()
        if time.monotonic() >= deadline:
            raise DeadlineError(f"{what}: not reached in time", seen=seen or None, wanted=f"within {timeout_s:g} s")
        time.sleep(poll_s)
