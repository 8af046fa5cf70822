"""A metric's sum over its labels."""

from __future__ import annotations

import pytest

from pipeline.host.scrape import total

PAGE = """# HELP uses_total Uses of a key.
# TYPE uses_total counter
uses_total{key="a"} 2
uses_total{key="b"} 3
uses_total_other 100
plain 7
"""


@pytest.mark.parametrize(("metric", "value"), [("uses_total", 5), ("plain", 7), ("absent", 0)])
def test_sum_of_a_metric(metric: str, value: float) -> None:
    assert total(PAGE, metric) == value
