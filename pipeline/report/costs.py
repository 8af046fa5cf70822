"""The plot of what encryption costs: a row a measurement, its interval as a bar, the gate of KEP-3299 as a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.comparison import GATE
from pipeline.core.upstream import CostRow
from pipeline.report.figures import duration, percentile
from pipeline.report.plots import Tick

_LOWEST: Final = 0.8
_HIGHEST: Final = 1.4
_MARGIN: Final = 0.05
_STEPS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_MOST_TICKS: Final = 9


@dataclass(frozen=True, slots=True)
class CostLine:
    """One row of the plot; `low`, `high` and `median` are places in percent of the width."""

    name: str
    low: float
    high: float
    median: float
    plain: str
    kms: str
    ratio: str
    verdict: str
    gated: bool


@dataclass(frozen=True, slots=True)
class CostPlot:
    """The rows with a common axis of ratios; `gate` and `even` (ratio 1) are places in percent."""

    lines: tuple[CostLine, ...]
    ticks: tuple[Tick, ...]
    gate: float
    even: float


def cost_plot(rows: Sequence[CostRow]) -> CostPlot | None:
    """Return the plot; None without rows."""
    if not rows:
        return None
    ratios = [row.ratio() for row in rows]
    start = min(_LOWEST, *(ratio.low - _MARGIN for ratio in ratios))
    end = max(_HIGHEST, *(ratio.high + _MARGIN for ratio in ratios))

    def place(value: float) -> float:
        return round((value - start) / (end - start) * 100, 2)

    lines = tuple(
        CostLine(
            name=row.name,
            low=place(ratio.low),
            high=place(ratio.high),
            median=place(ratio.median),
            plain=duration(percentile(row.plain_s, 50)),
            kms=duration(percentile(row.kms_s, 50)),
            ratio=str(ratio),
            verdict=row.verdict(),
            gated=row.gated,
        )
        for row, ratio in zip(rows, ratios, strict=True)
    )
    step = next((step for step in _STEPS if (end - start) / step <= _MOST_TICKS), _STEPS[-1])
    first = int(start / step) + 1
    marks = [number * step for number in range(first, int(end / step) + 1)]
    return CostPlot(lines, tuple(Tick(place(mark), f"{mark:g}") for mark in marks), place(GATE), place(1.0))
