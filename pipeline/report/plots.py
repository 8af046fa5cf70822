"""Geometry of the page's plots. Positions are percent of the width, so that a plot fits every screen."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.result import KmsCall
from pipeline.report.figures import Summary, duration, summarise

# Up to this many samples each is a dot; with more the dots would be a blot, and a histogram says more.
MOST_DOTS: Final = 60
STRIP_HEIGHT: Final = 34
CALLS_HEIGHT: Final = 132
METHODS: Final = ("Status", "Encrypt", "Decrypt")
_LOG_BINS: Final = 56
_TIME_BINS: Final = 96
_GOLDEN: Final = 0.618034
_NICE_STEPS: Final = (1, 2, 5)
# Above two decades the labels of 2 and 5 would touch; at the edges a label would be cut.
_MOST_DECADES: Final = 2
_EDGES: Final = (3, 97)
# Up to this length (seconds) an axis counts seconds, beyond it minutes and seconds.
_SECONDS_UNTIL: Final = 180
_MINUTE_S: Final = 60


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis; `x` in percent."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle: `x` and `width` in percent, `y` and `height` in pixels. `kind` is its colour's name."""

    x: float
    width: float
    y: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Dot:
    """One sample: `x` in percent, `y` in pixels."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Strip:
    """The latencies of one method on a logarithmic axis: dots when they are few, a histogram when many."""

    method: str
    summary: Summary
    p50: float
    p99: float
    dots: tuple[Dot, ...]
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class LatencyPlot:
    """Strips of several methods on one axis."""

    strips: tuple[Strip, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class CallPlot:
    """KMS calls per span of time, stacked by method; failed calls are on top. `most` is the highest stack."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    most: int
    span_s: float


def latency_plot(latencies: Mapping[str, Sequence[float]]) -> LatencyPlot | None:
    """Return the plot of latencies (seconds) by method; None when there is no sample."""
    positive = {method: [max(value, 1e-6) for value in samples] for method, samples in latencies.items() if samples}
    if not positive:
        return None
    everything = [value for samples in positive.values() for value in samples]
    low, high = math.log10(min(everything)) - 0.12, math.log10(max(everything)) + 0.12
    if high - low < 1:
        middle = (low + high) / 2
        low, high = middle - 0.5, middle + 0.5
    strips = tuple(_strip(method, samples, low, high) for method, samples in sorted(positive.items(), key=_method_key))
    return LatencyPlot(strips, tuple(_log_ticks(low, high)))


def call_plot(calls: Sequence[KmsCall], start: float, end: float) -> CallPlot | None:
    """Return the calls of a run between two moments; None when there is none."""
    if not calls:
        return None
    length = max(end - start, 1e-3)
    stacks: Counter[tuple[int, str]] = Counter()
    for call in calls:
        place = min(_TIME_BINS - 1, max(0, int((call.at - start) / length * _TIME_BINS)))
        stacks[place, call.method if call.code == "OK" else "failed"] += 1
    heights: Counter[int] = Counter()
    for (place, _), count in stacks.items():
        heights[place] += count
    most = max(heights.values())
    return CallPlot(tuple(_call_bars(stacks, most)), tuple(time_ticks(length)), most, length / _TIME_BINS)


def time_ticks(length_s: float, most: int = 8) -> Iterable[Tick]:
    """Yield ticks at round seconds or minutes of a span that starts at 0."""
    step = next(step for step in _steps() if length_s / step <= most)
    for number in range(int(length_s / step) + 1):
        at = number * step
        label = f"{at:g} s" if 1 <= step < _MINUTE_S and length_s < _SECONDS_UNTIL else duration(at)
        yield Tick(round(at / length_s * 100, 3), label)


def _steps() -> Iterable[float]:
    yield from (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30)
    step = 60.0
    while True:
        yield from (step, step * 2, step * 5)
        step *= 10


def _call_bars(stacks: Counter[tuple[int, str]], most: int) -> Iterable[Bar]:
    width = 100 / _TIME_BINS
    for place in sorted({place for place, _ in stacks}):
        filled = 0.0
        for kind in sorted((kind for spot, kind in stacks if spot == place), key=kind_key):
            count = stacks[place, kind]
            height = count / most * CALLS_HEIGHT
            filled += height
            y = CALLS_HEIGHT - filled
            yield Bar(
                round(place * width, 3), round(width * 0.86, 3), round(y, 2), round(height, 2), kind, f"{kind}: {count}"
            )


def _strip(method: str, samples: Sequence[float], low: float, high: float) -> Strip:
    summary = summarise(samples)

    def place(value: float) -> float:
        return round((math.log10(value) - low) / (high - low) * 100, 2)

    few = len(samples) <= MOST_DOTS
    dots = tuple(
        Dot(place(value), round(6 + (number * _GOLDEN % 1) * (STRIP_HEIGHT - 12), 1))
        for number, value in enumerate(samples)
        if few
    )
    bars = () if few else tuple(_histogram(method, samples, low, high))
    return Strip(method, summary, place(summary.p50_s), place(summary.p99_s), dots, bars)


def _histogram(method: str, samples: Sequence[float], low: float, high: float) -> Iterable[Bar]:
    width = (high - low) / _LOG_BINS
    counts = Counter(min(_LOG_BINS - 1, int((math.log10(value) - low) / width)) for value in samples)
    most = max(counts.values())
    for place, count in sorted(counts.items()):
        height = max(1.0, count / most * (STRIP_HEIGHT - 4))
        edges = [10 ** (low + (place + side) * width) for side in (0, 1)]
        title = f"{count} between {duration(edges[0])} and {duration(edges[1])}"
        x = place / _LOG_BINS * 100
        yield Bar(
            round(x, 2), round(86 / _LOG_BINS, 2), round(STRIP_HEIGHT - height, 2), round(height, 2), method, title
        )


def _log_ticks(low: float, high: float) -> Iterable[Tick]:
    steps = _NICE_STEPS if high - low < _MOST_DECADES else (1,)
    for power in range(math.floor(low), math.ceil(high) + 1):
        for step in steps:
            place = (power + math.log10(step) - low) / (high - low) * 100
            if _EDGES[0] <= place <= _EDGES[1]:
                yield Tick(round(place, 2), duration(step * 10.0**power))


def _method_key(entry: tuple[str, object]) -> tuple[int, str]:
    return kind_key(entry[0])


def kind_key(kind: str) -> tuple[int, str]:
    """Return the key by which methods are sorted: Status, Encrypt, Decrypt, others, failed calls."""
    if kind == "failed":
        return len(METHODS) + 1, kind
    return (METHODS.index(kind) if kind in METHODS else len(METHODS)), kind
