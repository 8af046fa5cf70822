"""What a build tells while it works: one small interface, and its form as plain lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, TextIO

PLAIN_INTERVAL_S: Final = 15.0
"""A line at least this often keeps a CI system from taking a long compilation for a hang."""


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work: what it is, how many packages it has at most (0: not known), how long it took last time."""

    what: str
    total: int = 0
    last_time_s: float | None = None


class Progress(Protocol):
    """Told by a build what it does. `done` counts packages."""

    def note(self, text: str) -> None:
        """Say one thing, such as where a result came from."""

    def started(self, work: Work) -> None:
        """Say what begins."""

    def advanced(self, work: Work, done: int, current: str) -> None:
        """Say how far it is and which package is worked on."""

    def finished(self, work: Work, took_s: float) -> None:
        """Say what ended."""


@dataclass(slots=True)
class Silent:
    """Says nothing."""

    def note(self, text: str) -> None:
        """Ignore it."""

    def started(self, work: Work) -> None:
        """Ignore it."""

    def advanced(self, work: Work, done: int, current: str) -> None:
        """Ignore it."""

    def finished(self, work: Work, took_s: float) -> None:
        """Ignore it."""


@dataclass(slots=True)
class PlainProgress:
    """Writes lines, not more often than every `interval_s` seconds while one piece of work goes on."""

    stream: TextIO
    interval_s: float = PLAIN_INTERVAL_S
    clock: Callable[[], float] = time.monotonic
    _said_at: float = field(default=0.0, init=False)
    _started_at: float = field(default=0.0, init=False)

    def note(self, text: str) -> None:
        """Write it."""
        print(text, file=self.stream, flush=True)

    def started(self, work: Work) -> None:
        """Write what begins and how long it took last time."""
        self._said_at = self._started_at = self.clock()
        self.note(f"{work.what} …{_last_time(work)}")

    def advanced(self, work: Work, done: int, current: str) -> None:
        """Write how far it is, when the last line is old enough."""
        now = self.clock()
        if now - self._said_at >= self.interval_s:
            self._said_at = now
            of = f" of at most {work.total}" if work.total else ""
            took = duration(now - self._started_at)
            self.note(f"{work.what}: {done}{of} packages after {took}{_last_time(work)}: {current}")

    def finished(self, work: Work, took_s: float) -> None:
        """Write how long it took."""
        self.note(f"{work.what}: done in {duration(took_s)}")


def duration(seconds: float) -> str:
    """Return a duration for people: `0.4 s`, `41 s`, `7 min 02 s`."""
    if seconds < 10:  # noqa: PLR2004 - below ten, tenths matter
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _last_time(work: Work) -> str:
    return "" if work.last_time_s is None else f" (last time {duration(work.last_time_s)})"
