"""What encryption costs: the place by the gate decides, the plot shows the same, and no measured row is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pipeline.core.result import KmsCall, Level, NotRun, Outcome, RunReport, ScenarioResult
from pipeline.core.upstream import CostRow, PluginCalls
from pipeline.errors import InputError, ProcessError
from pipeline.harness.control_plane import ControlPlane
from pipeline.report.costs import cost_plot
from pipeline.report.upstream import read_upstream
from pipeline.suite.upstream import cost
from pipeline.suite.upstream.cost import choose_rows, judge_cost, run_cost, without_rotations
from pipeline.suite.upstream.cost_rows import ROTATIONS, ROWS
from pipeline.suite.upstream.cost_samples import PAIRS, Sample, Sides, calls_since, in_turn
from pipeline.suite.upstream.plan import UpstreamRequest

PLAIN = tuple(1.0 + number / 100 for number in range(10))


def row(factor: float, *, gated: bool = True, name: str = "REST workload") -> CostRow:
    return CostRow(name, PLAIN, tuple(sample * factor for sample in PLAIN), gated)


def spanning() -> CostRow:
    samples = tuple(sample * (1.0 if number % 2 else 1.6) for number, sample in enumerate(PLAIN))
    return CostRow("spanning", PLAIN, samples, gated=True)


@pytest.mark.parametrize(
    ("factor", "outcome", "verdict"),
    [(1.05, Outcome.PASSED, "below the gate of 1.20"), (1.5, Outcome.FAILED, "above the gate of 1.20")],
)
def test_a_workload_that_is_slower_by_a_fifth_fails(factor: float, outcome: Outcome, verdict: str) -> None:
    result = judge_cost([row(factor), row(9.0, gated=False, name="cold read")])
    assert (result.id, result.outcome) == ("U05", outcome)
    assert verdict in result.proofs[0].observed
    assert "cold read" not in result.reason


def test_an_interval_that_spans_the_gate_shows_nothing() -> None:
    result = judge_cost([row(1.05), spanning()])
    assert result.outcome is Outcome.NOT_RUN
    assert result.reason == "inconclusive: the interval spans the gate of 1.20: spanning"
    assert [proof.holds for proof in result.proofs] == [True, False]


def test_one_row_above_the_gate_fails_whatever_the_others_are() -> None:
    result = judge_cost([spanning(), row(1.5), row(1.05)])
    assert result.outcome is Outcome.FAILED
    assert "REST workload: saw 1.500" in result.reason


@pytest.mark.parametrize("rows", [[], [row(9.0, gated=False)]])
def test_nothing_is_claimed_without_a_row_that_has_a_gate(rows: list[CostRow]) -> None:
    result = judge_cost(rows)
    assert result.outcome is Outcome.NOT_RUN
    assert result.reason.startswith(NotRun.NOT_SELECTED)
    assert len(result.proofs) == len(rows)


def test_the_plot_has_ratios_by_the_gate_and_differences_by_themselves() -> None:
    assert cost_plot(()) is None
    plot = cost_plot([row(1.1), row(3.0, gated=False), row(1.3)])
    assert plot is not None
    ratios, differences = plot.panels
    assert ratios.gate is not None
    assert differences.gate is None
    near, over = ratios.lines
    assert ratios.even < near.low <= near.median <= near.high < ratios.gate < over.low
    (far,) = differences.lines
    assert 0 <= differences.even < far.low < far.median < far.high <= 100
    assert far.difference.startswith("2.090 (2.020 to ")
    assert [line.verdict for line in plot.lines] == ["below the gate of 1.20", "above the gate of 1.20", ""]
    for panel in plot.panels:
        assert all(0 <= tick.x <= 100 for tick in panel.ticks)
        assert len(panel.ticks) > 1


def test_the_axis_of_differences_goes_below_zero_where_a_row_does() -> None:
    plot = cost_plot([row(0.5, gated=False)])
    assert plot is not None
    (panel,) = plot.panels
    assert panel.lines[0].high < panel.even <= 100
    assert any(tick.label.startswith("-") for tick in panel.ticks)
    assert any(tick.label == "0" and tick.x == panel.even for tick in panel.ticks)


@pytest.mark.parametrize(
    ("calls", "shown"),
    [
        ((), "none"),
        ((PluginCalls(0, 0), PluginCalls(0, 0)), "none"),
        ((PluginCalls(1, 8), PluginCalls(1, 8)), "Encrypt 1, Decrypt 8"),
        ((PluginCalls(0, 9, 1), PluginCalls(0, 12, 4)), "Decrypt 9 to 12, of these refused 1 to 4"),
    ],
)
def test_a_row_says_how_often_a_sample_asked_the_plugin(calls: tuple[PluginCalls, ...], shown: str) -> None:
    assert CostRow("x", PLAIN, PLAIN, gated=True, calls=calls).calls_a_sample() == shown


def plane(name: str, *calls: KmsCall) -> ControlPlane:
    return cast("ControlPlane", SimpleNamespace(name=name, proxy=SimpleNamespace(calls=calls)))


def test_calls_of_a_sample_are_those_that_began_in_it() -> None:
    calls = [("Encrypt", 9.0, "OK"), ("Encrypt", 10.0, "OK"), ("Status", 11.0, "OK"), ("Decrypt", 12.0, "UNAVAILABLE")]
    kms = plane("kms", *(KmsCall(at, "kms", method, code, 0.1) for method, at, code in calls))
    assert calls_since(kms, 10.0) == PluginCalls(encrypt=1, decrypt=1, refused=1)


def test_sides_take_turns_and_the_first_pair_is_left_out() -> None:
    order: list[str] = []

    def work(plane: ControlPlane) -> tuple[Sample, Sample]:
        order.append(plane.name)
        number = order.count(plane.name)
        return Sample(number, PluginCalls(number, 0)), Sample(number + 100, PluginCalls(0, number))

    first, second = in_turn(Sides(plane("plain"), plane("kms")), work)
    assert len(order) == 2 * (PAIRS + 1)
    assert all({*order[at : at + 2]} == {"plain", "kms"} for at in range(0, len(order), 2))
    counted = tuple(range(2, PAIRS + 2))
    assert first.row("a").plain_s == first.row("a").kms_s == counted
    assert second.row("b").kms_s == tuple(number + 100 for number in counted)
    assert second.row("b", gated=True).calls == tuple(PluginCalls(0, number) for number in counted)


def test_rows_are_chosen_by_their_name() -> None:
    assert choose_rows("") == set(ROWS)
    assert len(set(ROWS)) == 17
    assert choose_rows("^rotation") == set(ROTATIONS)
    for wrong in ("nothing like this", "("):
        with pytest.raises(InputError, match=r"no row of costs|not a regular expression"):
            choose_rows(wrong)


def test_rotations_need_the_hook() -> None:
    assert without_rotations(ROWS) == set(ROWS) - set(ROTATIONS)
    with pytest.raises(InputError, match="rotation"):
        without_rotations(ROTATIONS)


@pytest.fixture
def request_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UpstreamRequest:
    """Ask for a run whose binaries are all there, of a plugin without hooks."""
    spec = SimpleNamespace(name="a plugin", hooks={}, expected={}, secrets=())
    monkeypatch.setattr(cost, "assert_control_plane", lambda _assets: None)
    monkeypatch.setattr(cost, "load_equipment", lambda _assets, _report: SimpleNamespace(plugin=spec))
    monkeypatch.setattr(cost, "kubernetes_of", lambda _assets: "v1.37.2")
    monkeypatch.setattr(cost, "prepare", lambda report, _assets: report.mkdir())
    monkeypatch.setattr(cost, "write", written)
    return UpstreamRequest(tmp_path, tmp_path / "report", run_id="r")


def written(_report: Path, _plugin: object, *, exit_code: int = 0, note: str = "") -> RunReport:
    return RunReport("r", "", time.time(), 0.0, "a plugin", "", "", "", exit_code, notes=(note,))


def measuring(*rows: CostRow, end: BaseException | None = None) -> object:
    def measure(_equipment: object, asked: object) -> Iterator[CostRow]:
        assert set(ROTATIONS).isdisjoint(cast("frozenset[str]", asked))
        yield from rows
        if end is not None:
            raise end

    return measure


@pytest.mark.parametrize("end", [ProcessError("etcd died"), KeyboardInterrupt(), RuntimeError("a defect")])
def test_what_was_measured_is_kept_whatever_ends_the_run(
    request_of: UpstreamRequest, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    monkeypatch.setattr(cost, "measure", measuring(row(1.1), end=end))
    shown: list[ScenarioResult] = []
    if isinstance(end, KeyboardInterrupt):
        run_cost(request_of, ROWS, shown.append, lambda _line: None)
    else:
        with pytest.raises(type(end)):
            run_cost(request_of, ROWS, shown.append, lambda _line: None)
    found = read_upstream(request_of.report)
    assert found is not None
    assert found.costs == (row(1.1),)
    ended = [(result.outcome, result.reason) for result in shown]
    assert ended == ([(Outcome.ERROR, "etcd died after 1 rows")] if isinstance(end, ProcessError) else [])


def test_a_plugin_that_cannot_rotate_is_measured_without(
    request_of: UpstreamRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "measure", measuring(row(1.1)))
    shown: list[ScenarioResult] = []
    said: list[str] = []
    run = run_cost(request_of, ROWS, shown.append, said.append)
    assert run.notes == ("no rotation was measured: the plugin has no hook rotate",)
    assert [(result.outcome, result.level) for result in shown] == [(Outcome.PASSED, Level.INFO)]
    assert said[0].startswith("REST workload: 1.100 (1.100 to 1.100")
    assert said[0].endswith("plugin calls a sample: none")
