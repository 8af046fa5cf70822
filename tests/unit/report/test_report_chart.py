from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from pipeline.report.chart import line_chart

SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> ET.Element:
    return ET.fromstring(text)


def test_each_line_is_drawn_and_named() -> None:
    root = drawn(line_chart("MiB", {"a": [(0, 1), (60, 3)], "b & c": [(0, 2), (60, 2)]}, x_label="s"))
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"MiB", "s", "a", "b & c", "0", "3"} <= set(texts)
    assert len(list(root.iter(f"{SVG}polyline"))) == 2


def test_higher_values_stand_higher() -> None:
    line = next(drawn(line_chart("n", {"a": [(0, 1), (1, 9)]}, x_label="s")).iter(f"{SVG}polyline"))
    first, last = (tuple(map(float, point.split(","))) for point in line.attrib["points"].split())
    assert first[0] < last[0]
    assert first[1] > last[1]


def test_labels_of_lines_that_end_together_do_not_overlap() -> None:
    root = drawn(line_chart("n", {name: [(0, 5), (1, 5)] for name in "abc"}, x_label="s"))
    places = sorted(float(e.attrib["y"]) for e in root.iter(f"{SVG}text") if e.text in ("a", "b", "c"))
    assert all(second - first >= 15 for first, second in pairwise(places))


@pytest.mark.parametrize("values", [[7.0], [0.0, 0.0], [1e-9, 2e-9], [1e12, 3e12], [-5.0, 5.0]])
def test_any_values_can_be_drawn(values: list[float]) -> None:
    root = drawn(line_chart("n", {"a": list(enumerate(values))}, x_label="s"))
    line = next(root.iter(f"{SVG}polyline"))
    for point in line.attrib["points"].split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= 720
        assert 0 <= y <= 220


def test_nothing_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="a point"):
        line_chart("n", {}, x_label="s")
