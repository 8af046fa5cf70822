"""Statistics of a benchmark: medians, ranges and ratios of pairs, and a table of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was measured, its value as text, how, and the raw numbers in base units."""

    name: str
    value: str
    method: str
    samples: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and range of repeated measurements."""

    median: float
    low: float
    high: float
    count: int

    def seconds(self) -> str:
        """Return `2.45 s (2.40 to 2.61, n=10)`."""
        return f"{self.median:.2f} s ({self.low:.2f} to {self.high:.2f}, n={self.count})"


def spread(samples: Sequence[float]) -> Spread:
    """Return median and range.

    Raises: ValueError without a sample.
    """
    if not samples:
        msg = "nothing was measured"
        raise ValueError(msg)
    return Spread(statistics.median(samples), min(samples), max(samples), len(samples))


def pair_ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Return ours / theirs for measurements taken one after the other, so that a slow minute hits both of a pair.

    Raises: ValueError when the numbers of measurements differ.
    """
    return tuple(one / other for one, other in zip(ours, theirs, strict=True))


def markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| what | result | how |", "| --- | --- | --- |"]
    lines += [f"| {row.name} | {row.value} | {row.method} |" for row in rows]
    return "\n".join(lines)
