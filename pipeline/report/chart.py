"""A line chart as a small SVG file that is legible in light and dark, for documents and reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

_WIDTH: Final = 720
_HEIGHT: Final = 220
_LEFT: Final = 56
_RIGHT: Final = 130
_TOP: Final = 34
_BOTTOM: Final = 30
_STEPS: Final = (1, 2, 2.5, 5, 10)
_LABEL_GAP: Final = 15
# Told apart by the colour-blind too (Okabe and Ito), legible on white and on near-black.
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7f7f7f")
_INK: Final = "#7a828c"
_FONT: Final = "system-ui, sans-serif"

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps a range of values to a range of pixels, with round ticks."""

    low: float
    high: float
    first: float
    last: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        return round(self.first + (value - self.low) / (self.high - self.low) * (self.last - self.first), 1)


def line_chart(title: str, lines: Mapping[str, Points], *, x_label: str, y_from_zero: bool = True) -> str:
    """Return an SVG document with one line for each name; `title` names the unit of the values.

    Raises: ValueError when there is no point at all.
    """
    points = [point for line in lines.values() for point in line]
    if not points:
        raise ValueError("a chart needs a point")
    x = _scale([at for at, _ in points], _LEFT, _WIDTH - _RIGHT)
    y = _scale([value for _, value in points] + [0.0] * y_from_zero, _HEIGHT - _BOTTOM, _TOP)
    root = ET.Element(
        "svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", width=str(_WIDTH)
    )
    ET.SubElement(root, "title").text = title
    _text(root, _LEFT, 18, title, font_weight="600")
    _axes(root, x, y, x_label)
    _lines(root, lines, x, y)
    return ET.tostring(root, encoding="unicode") + "\n"


def _scale(values: Sequence[float], first: float, last: float, most_ticks: int = 6) -> _Scale:
    low, high = min(values), max(values)
    if high - low < 1e-9:  # noqa: PLR2004 - a flat line gets room above and below
        low, high = low - 1, high + 1
    rough = (high - low) / most_ticks
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in _STEPS if factor * power >= rough)
    low, count = math.floor(low / step) * step, 0
    while low + count * step < high:
        count += 1
    return _Scale(low, low + count * step, first, last, tuple(low + number * step for number in range(count + 1)))


def _axes(root: ET.Element, x: _Scale, y: _Scale, x_label: str) -> None:
    for tick in y.ticks:
        place = y.place(tick)
        ET.SubElement(
            root,
            "line",
            {"x1": f"{_LEFT}", "x2": f"{_WIDTH - _RIGHT}", "y1": f"{place}", "y2": f"{place}", "stroke": _INK}
            | {"stroke-opacity": "0.25"},
        )
        _text(root, _LEFT - 6, place + 4, f"{tick:g}", text_anchor="end")
    for tick in x.ticks:
        _text(root, x.place(tick), _HEIGHT - 12, f"{tick:g}", text_anchor="middle")
    _text(root, _WIDTH - _RIGHT + 12, _HEIGHT - 12, x_label)


def _lines(root: ET.Element, lines: Mapping[str, Points], x: _Scale, y: _Scale) -> None:
    labels: list[float] = []
    for number, (name, points) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{x.place(at)},{y.place(value)}" for at, value in points)
        drawn = {"points": path, "fill": "none", "stroke": colour, "stroke-width": "1.6"}
        ET.SubElement(root, "polyline", drawn)
        place = y.place(points[-1][1]) + 4
        while any(abs(place - other) < _LABEL_GAP for other in labels):
            place += _LABEL_GAP
        labels.append(place)
        _text(root, _WIDTH - _RIGHT + 6, place, name, fill=colour)


def _text(root: ET.Element, x: float, y: float, text: str, **more: str) -> None:
    usual = {"x": f"{x}", "y": f"{y}", "fill": _INK, "font-family": _FONT, "font-size": "12"}
    ET.SubElement(root, "text", usual | {name.replace("_", "-"): value for name, value in more.items()}).text = text
