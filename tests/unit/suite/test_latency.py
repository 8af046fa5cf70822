"""Whether it was the plugin that took so long, or the machine."""

from __future__ import annotations

import pytest

from pipeline.core.result import NotRun
from pipeline.suite.scenario import ProofRecorder, ScenarioFailed
from pipeline.suite.wire.scenarios_latency import Round, judge


def of(call_s: float, bare_s: float) -> Round:
    return Round((call_s,) * 100, (bare_s,) * 100)


def test_the_best_round_counts() -> None:
    proof = ProofRecorder()
    judge(proof, "Decrypt", [of(0.08, 0.0001), of(0.002, 0.0001), of(0.05, 0.02)], 0.01)
    assert proof.proofs[-1].observed == "2.0 ms in 300 calls"


def test_a_slow_plugin_on_a_quick_machine_fails() -> None:
    with pytest.raises(ScenarioFailed, match=r"saw 80\.0 ms"):
        judge(ProofRecorder(), "Decrypt", [of(0.08, 0.0049)] * 3, 0.01)


def test_one_round_on_a_quick_machine_is_enough_to_fail() -> None:
    with pytest.raises(ScenarioFailed, match=r"saw 90\.0 ms"):
        judge(ProofRecorder(), "Decrypt", [of(0.08, 0.005), of(0.09, 0.001), of(0.08, 0.02)], 0.01)


def test_a_machine_that_is_as_slow_cannot_judge_the_plugin() -> None:
    with pytest.raises(pytest.skip.Exception, match=rf"{NotRun.NEEDS_SPEED}: .* took 5\.0 ms"):
        judge(ProofRecorder(), "Decrypt", [of(0.08, 0.005)] * 3, 0.01)
