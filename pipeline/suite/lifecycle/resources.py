"""What running processes hold, sampled over minutes: memory, threads, descriptors, sockets."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

from pipeline.core.result import NotRun
from pipeline.harness.evidence import append_line

FILE: Final = "resources.csv"
COLUMNS: Final = ("seconds", "process", "threads", "descriptors", "sockets", "rss_bytes")
_PERIOD_S: Final = 5.0
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process held, `at_s` seconds after the first sample."""

    at_s: float
    process: str
    threads: int
    descriptors: int
    sockets: int
    rss_bytes: int


def sample(pid: int, process: str = "", at_s: float = 0.0) -> Sample:
    """Read /proc (Linux) for one process.

    Raises: OSError when it has ended or belongs to somebody else.
    """
    folder = Path("/proc") / str(pid)
    links = [target for link in (folder / "fd").iterdir() if (target := _target(link))]
    return Sample(
        at_s=at_s,
        process=process,
        threads=sum(1 for _ in (folder / "task").iterdir()),
        descriptors=len(links),
        sockets=sum(link.startswith("socket:") for link in links),
        rss_bytes=int((folder / "statm").read_text().split()[1]) * _PAGE_BYTES,
    )


def _target(link: Path) -> str:
    """Return what a descriptor leads to, nothing for one that was closed since the listing."""
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""


class Sampler:
    """Samples processes every five seconds in a thread and writes each sample into `resources.csv` of a folder.

    It ends with the context, or when a process has ended. `pids` maps a name to a process id. `ended_at_s` is the end
    of the context, on the clock of the samples; whoever needs samples up to it compares the last one with it.
    """

    def __init__(self, pids: Mapping[str, int], folder: Path, period_s: float = _PERIOD_S) -> None:
        """Take the first sample, so that what cannot be read is known at once.

        Without the right to read /proc, or without /proc, the scenario is *not run*.
        """
        self._pids, self._path, self._period_s = pids, folder / FILE, period_s
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="sampler")
        self._running: Future[None] | None = None
        self.samples: list[Sample] = []
        self.ended_at_s = 0.0
        append_line(self._path, ",".join(COLUMNS))
        try:
            self._take()
        except PermissionError:
            pytest.skip(f"{NotRun.NEEDS_ROOT}: /proc of {', '.join(pids)}")
        except FileNotFoundError:
            pytest.skip(f"{NotRun.NEEDS_PROCESS}: /proc shows no {', '.join(pids)}")

    def __enter__(self) -> Self:
        """Go on sampling."""
        self._running = self._pool.submit(self._run)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop sampling, and raise what kept samples from being written, such as a full disk."""
        self._stop.set()
        self._pool.shutdown()
        self.ended_at_s = time.monotonic() - self._began
        if error is None and self._running is not None:
            self._running.result()

    def of(self, process: str) -> list[Sample]:
        """Return the samples of one process, in order."""
        return [one for one in self.samples if one.process == process]

    def _run(self) -> None:
        while not self._stop.wait(self._period_s):
            try:
                self._take()
            except (FileNotFoundError, ProcessLookupError):  # it has ended; the scenario sees that by itself
                return

    def _take(self) -> None:
        at_s = time.monotonic() - self._began
        for name, pid in self._pids.items():
            one = sample(pid, name, at_s)
            self.samples.append(one)
            append_line(self._path, ",".join(str(getattr(one, "at_s" if c == "seconds" else c)) for c in COLUMNS))


def slope_per_minute(samples: Sequence[Sample]) -> float:
    """Return the slope of the resident memory by least squares, in bytes a minute.

    Raises: ValueError for fewer than two samples.
    """
    if len(samples) < 2:  # noqa: PLR2004 - a line needs two points
        raise ValueError("a slope needs two samples")
    line = statistics.linear_regression([one.at_s / 60 for one in samples], [one.rss_bytes for one in samples])
    return float(line.slope)


def median_of(samples: Sequence[Sample], column: str) -> float:
    """Return the median of one column, which a single pool or collection that comes and goes does not move."""
    return float(statistics.median(getattr(one, column) for one in samples))
