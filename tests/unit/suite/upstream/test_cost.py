"""What encryption costs: the ratio's place by the gate decides, and the plot shows the same."""

from __future__ import annotations

import pytest

from pipeline.core.result import Outcome
from pipeline.core.upstream import CostRow
from pipeline.errors import InputError
from pipeline.report.costs import cost_plot
from pipeline.suite.upstream.cost import ROWS, choose_rows, judge_cost

PLAIN = tuple(1.0 + number / 100 for number in range(10))


def row(factor: float, *, gated: bool = True) -> CostRow:
    return CostRow("REST workload", PLAIN, tuple(sample * factor for sample in PLAIN), gated)


@pytest.mark.parametrize(
    ("factor", "outcome", "verdict"),
    [(1.05, Outcome.PASSED, "below the gate of 1.20"), (1.5, Outcome.FAILED, "above the gate of 1.20")],
)
def test_a_workload_that_is_slower_by_a_fifth_fails(factor: float, outcome: Outcome, verdict: str) -> None:
    result = judge_cost([row(factor)])
    assert (result.id, result.outcome) == ("U05", outcome)
    assert verdict in result.proofs[0].observed


def test_an_interval_that_spans_the_gate_is_inconclusive_and_no_failure() -> None:
    samples = tuple(sample * (1.0 if number % 2 else 1.6) for number, sample in enumerate(PLAIN))
    result = judge_cost([CostRow("x", PLAIN, samples, gated=True)])
    assert result.outcome is Outcome.PASSED
    assert "inconclusive" in result.proofs[0].observed


def test_a_row_without_a_gate_is_reported() -> None:
    assert judge_cost([row(9.0, gated=False)]).outcome is Outcome.PASSED


def test_the_plot_has_gate_and_intervals_on_one_axis() -> None:
    assert cost_plot(()) is None
    plot = cost_plot([row(1.1), row(3.0, gated=False)])
    assert plot is not None
    near, far = plot.lines
    assert 0 <= near.low <= near.median <= near.high < far.low <= far.high <= 100
    assert plot.even < near.median < plot.gate
    assert (near.verdict, far.verdict) == ("below the gate of 1.20", "")


def test_rows_are_chosen_by_their_name() -> None:
    assert choose_rows("") == set(ROWS)
    assert choose_rows("start|rotation") == {"kube-apiserver's start", "first write after a rotation"}
    for wrong in ("nothing like this", "("):
        with pytest.raises(InputError, match=r"no row of costs|not a regular expression"):
            choose_rows(wrong)
