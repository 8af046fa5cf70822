"""Figures of a run as people read them: percentiles, durations, moments, sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_SECOND_DIGITS: Final = 10.0
_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Summary:
    """The distribution of some latencies, in seconds."""

    count: int
    p50_s: float
    p90_s: float
    p99_s: float
    worst_s: float


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the smallest sample that at least `percent` of the samples do not exceed (nearest rank).

    Raises: ValueError when there is no sample.
    """
    if not samples:
        raise ValueError("no samples")
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def summarise(samples: Sequence[float]) -> Summary:
    """Return the distribution of one or more samples."""
    p50, p90, p99 = (percentile(samples, percent) for percent in (50, 90, 99))
    return Summary(len(samples), p50, p90, p99, max(samples))


def duration(seconds: float) -> str:
    """Return a duration in the unit a person would use: 850 µs, 4.2 ms, 3.1 s, 2 min 5 s."""
    if seconds >= _MINUTE_S:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    if seconds >= 1:
        return f"{seconds:.1f} s" if seconds < _SECOND_DIGITS else f"{seconds:.0f} s"
    for unit, factor in (("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{_digits(seconds * factor)} {unit}"
    return "0 s" if seconds <= 0 else f"{seconds * 1e6:.1f} µs"


def moment(at: float) -> str:
    """Return a moment as date and time in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def offset(at: float, start: float) -> str:
    """Return how long after `start` a moment is, as in +12.345 s."""
    return f"{at - start:+.3f} s"


def size(count_bytes: int) -> str:
    """Return a file's size in B, KiB or MiB."""
    for unit, factor in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count_bytes >= factor:
            return f"{_digits(count_bytes / factor)} {unit}"
    return f"{count_bytes} B"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= _SECOND_DIGITS else f"{value:.1f}"
