"""The progress of a build for people: a bar on a terminal, else plain lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from pipeline.host.progress import PlainProgress, Progress, Work, duration


@dataclass(slots=True)
class BarProgress:
    """A bar for the work that goes on; what has ended stays as a line."""

    bars: Bars
    _task: TaskID | None = field(default=None, init=False)

    def note(self, text: str) -> None:
        """Write a line above the bar."""
        self.bars.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def started(self, work: Work) -> None:
        """Show a bar for it."""
        self._remove()
        last = "" if work.last_time_s is None else f"last time {duration(work.last_time_s)}"
        self._task = self.bars.add_task(escape(work.what), total=work.total or None, current=last)

    def advanced(self, work: Work, done: int, current: str) -> None:
        """Move the bar."""
        if self._task is not None:
            self.bars.update(self._task, completed=done, total=work.total or None, current=escape(current[-60:]))

    def finished(self, work: Work, took_s: float) -> None:
        """Replace the bar by a line."""
        self._remove()
        self.note(f"{work.what}: done in {duration(took_s)}")

    def _remove(self) -> None:
        if self._task is not None:
            self.bars.remove_task(self._task)
            self._task = None


@contextmanager
def terminal_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """Give the progress that suits a stream (standard error by default): a bar on a terminal, else plain lines."""
    stream = sys.stderr if stream is None else stream
    if stream.isatty():
        with bar_progress(stream) as progress:
            yield progress
    else:
        yield PlainProgress(stream)


@contextmanager
def bar_progress(stream: TextIO) -> Iterator[BarProgress]:
    """Show bars on a stream while the block runs."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[current]}"),
    )
    with Bars(*columns, console=Console(file=stream), transient=True) as bars:
        yield BarProgress(bars)
