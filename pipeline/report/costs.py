"""The plots of what encryption costs: a row a measurement, its interval as a bar.

Rows that KEP-3299 limits show the ratio with its gate; the others the difference in seconds, since a few calls of the
plugin are many times what a quick request takes, whatever it was.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.comparison import GATE, Interval
from pipeline.core.upstream import CostRow
from pipeline.report.figures import duration, percentile
from pipeline.report.plots import Tick

_LOWEST: Final = 0.8
_HIGHEST: Final = 1.4
_MARGIN: Final = 0.05
_STEPS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_MOST_TICKS: Final = 9


@dataclass(frozen=True, slots=True)
class CostLine:
    """One row of a plot; `low`, `high` and `median` are places in percent of the width."""

    name: str
    low: float
    high: float
    median: float
    plain: str
    kms: str
    ratio: str
    difference: str
    verdict: str
    calls: str


@dataclass(frozen=True, slots=True)
class CostPanel:
    """Rows with a common axis; `even` (no difference) and `gate` are places in percent, None without a gate."""

    title: str
    lines: tuple[CostLine, ...]
    ticks: tuple[Tick, ...]
    even: float
    gate: float | None


@dataclass(frozen=True, slots=True)
class CostPlot:
    """The panels that have rows."""

    panels: tuple[CostPanel, ...]

    @property
    def lines(self) -> tuple[CostLine, ...]:
        """Return all rows."""
        return tuple(itertools.chain.from_iterable(panel.lines for panel in self.panels))


def cost_plot(rows: Sequence[CostRow]) -> CostPlot | None:
    """Return the plots; None without rows."""
    panels = tuple(_panels(rows))
    return CostPlot(panels) if panels else None


def _panels(rows: Sequence[CostRow]) -> Iterator[CostPanel]:
    gated = [row for row in rows if row.gated]
    if gated:
        axis = _Axis([row.ratio() for row in gated], _LOWEST, _HIGHEST, _MARGIN)
        lines = tuple(_line(row, row.ratio(), axis.place) for row in gated)
        yield CostPanel("Ratio, with / without", lines, axis.ticks(), axis.place(1.0), axis.place(GATE))
    others = [row for row in rows if not row.gated]
    if others:
        axis = _Axis([row.difference() for row in others], 0.0, 0.0, _MARGIN)
        lines = tuple(_line(row, row.difference(), axis.place) for row in others)
        yield CostPanel("Difference, with - without, in seconds", lines, axis.ticks(), axis.place(0.0), None)


def _line(row: CostRow, shown: Interval, place: Callable[[float], float]) -> CostLine:
    return CostLine(
        name=row.name,
        low=place(shown.low),
        high=place(shown.high),
        median=place(shown.median),
        plain=duration(percentile(row.plain_s, 50)),
        kms=duration(percentile(row.kms_s, 50)),
        ratio=str(row.ratio()),
        difference=f"{row.difference().range()} s",
        verdict=row.verdict(),
        calls=row.calls_a_sample(),
    )


class _Axis:
    """From `lowest` to `highest`, or as far as the intervals need."""

    def __init__(self, shown: Sequence[Interval], lowest: float, highest: float, margin: float) -> None:
        """Find both ends."""
        self._start = min(lowest, *(interval.low - margin for interval in shown))
        self._end = max(highest, *(interval.high + margin for interval in shown))

    def place(self, value: float) -> float:
        """Return the place of a value, in percent of the width."""
        return round((value - self._start) / (self._end - self._start) * 100, 2)

    def ticks(self) -> tuple[Tick, ...]:
        """Return marks at round values."""
        width = self._end - self._start
        step = next((step for step in _STEPS if width / step <= _MOST_TICKS), _STEPS[-1])
        first = int(self._start / step) + (self._start > 0)
        marks = [number * step for number in range(first, int(self._end / step) + 1)]
        return tuple(Tick(self.place(mark), f"{mark:g}") for mark in marks)
