from __future__ import annotations

import random

import pytest

from pipeline.core.comparison import Interval, Pairs, interleave, median_interval
from pipeline.errors import InputError


def test_ten_samples_give_the_second_and_the_ninth() -> None:
    interval = median_interval([float(number) for number in range(1, 11)])
    assert (interval.low, interval.median, interval.high) == (2.0, 5.5, 9.0)
    assert interval.confidence == pytest.approx(1 - 2 * (1 + 10) / 1024)


def test_too_few_samples_give_no_interval() -> None:
    with pytest.raises(InputError, match="too few samples"):
        median_interval([1.0] * 5)


def test_the_interval_holds_the_true_median_as_often_as_it_says() -> None:
    random.seed(7)
    hits = sum(
        (found := median_interval([random.expovariate(1.0) for _ in range(12)])).low <= 0.693147 <= found.high
        for _ in range(2000)
    )
    assert hits / 2000 >= 0.95


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(1.0, 1.1, "below"), (1.1, 1.3, "inconclusive"), (1.25, 1.3, "above")]
)
def test_an_interval_that_spans_the_gate_decides_nothing(low: float, high: float, verdict: str) -> None:
    assert Interval(1.2, low, high, 0.95, 10).against(1.2) == verdict


def test_pairs_are_taken_in_turn_and_each_side_goes_first_in_half_of_them() -> None:
    order: list[str] = []

    def measure(name: str, value: float) -> float:
        order.append(name)
        return value

    pairs = interleave(lambda: measure("a", 1.0), lambda: measure("b", 2.0), 4)
    assert "".join(order) == "ba" + "abbaabba"
    assert pairs == Pairs((1.0,) * 4, (2.0,) * 4)


def test_a_slow_minute_that_hits_both_of_a_pair_is_not_seen() -> None:
    base = (1.0, 1.0, 9.0, 1.0, 1.0, 1.0)
    assert Pairs(base, tuple(value * 1.1 for value in base)).ratio().high == pytest.approx(1.1)
