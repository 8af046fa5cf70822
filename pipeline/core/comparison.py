"""Compare two ways of doing the same by pairs of samples: an interval for the ratio, and what it says of a limit."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.errors import InputError

CONFIDENCE: Final = 0.95
# KEP-3299, Scalability: encryption should cost less than a fifth.
GATE: Final = 1.20


@dataclass(frozen=True, slots=True)
class Interval:
    """A median with the range that holds the true one with `confidence`, of `count` samples."""

    median: float
    low: float
    high: float
    confidence: float
    count: int

    def against(self, gate: float) -> str:
        """Return `below`, `above`, or `inconclusive` when the interval spans the gate."""
        if self.high < gate:
            return "below"
        return "above" if self.low > gate else "inconclusive"

    def range(self) -> str:
        """Return `1.042 (0.991 to 1.120)`."""
        return f"{self.median:.3f} ({self.low:.3f} to {self.high:.3f})"

    def __str__(self) -> str:
        """Return `1.042 (0.991 to 1.120, 97.9 %, n=10)`."""
        return f"{self.median:.3f} ({self.low:.3f} to {self.high:.3f}, {self.confidence:.1%}, n={self.count})"


def median_interval(samples: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the median with the narrowest interval between two samples that has at least this confidence.

    It assumes no distribution: how many of n samples lie below the true median is binomial with p = 1/2, so the
    k-th smallest and the k-th largest sample enclose it with probability 1 - 2 P(less than k).

    Raises: InputError when there are too few samples for the confidence (6 are needed for 95 %).
    """
    ordered, count = sorted(samples), len(samples)
    best = 0
    while best < count // 2 and _confidence(count, best + 1) >= confidence:
        best += 1
    if best == 0:
        raise InputError(
            "too few samples for an interval", seen=str(count), wanted=f"more, for a confidence of {confidence:.0%}"
        )
    covered = _confidence(count, best)
    return Interval(statistics.median(ordered), ordered[best - 1], ordered[-best], covered, count)


def _confidence(count: int, rank: int) -> float:
    below = sum(math.comb(count, number) for number in range(rank))
    return 1.0 - 2.0 * below / float(2**count)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Samples of two variants taken in turn, in one unit (usually seconds)."""

    base: tuple[float, ...]
    other: tuple[float, ...]

    def ratio(self, confidence: float = CONFIDENCE) -> Interval:
        """Return the interval of other / base, pair by pair, so that a slow minute hits both of a pair.

        Raises: InputError for too few pairs.
        """
        return median_interval([b / a for a, b in zip(self.base, self.other, strict=True)], confidence)

    def difference(self, confidence: float = CONFIDENCE) -> Interval:
        """Return the interval of other - base, pair by pair, in the unit of the samples.

        Raises: InputError for too few pairs.
        """
        return median_interval([b - a for a, b in zip(self.base, self.other, strict=True)], confidence)


def interleave(base: Callable[[], float], other: Callable[[], float], pairs: int) -> Pairs:
    """Measure both variants `pairs` times in turn; each goes first in half of the pairs.

    One pair before them is measured and left out: caches and connections are cold in it.
    """
    samples: dict[bool, list[float]] = {True: [], False: []}
    for number in range(-1, pairs):
        for is_base in (number % 2 == 0, number % 2 != 0):
            sample = base() if is_base else other()
            if number >= 0:
                samples[is_base].append(sample)
    return Pairs(tuple(samples[True]), tuple(samples[False]))
