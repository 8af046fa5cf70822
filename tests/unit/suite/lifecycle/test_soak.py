from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pipeline.core.result import NotRun
from pipeline.harness.api import Reply
from pipeline.harness.control_plane import ControlPlane, Equipment
from pipeline.suite.lifecycle import scenarios_soak as soak
from pipeline.suite.lifecycle.resources import Sample, Sampler
from pipeline.suite.scenario import ProofRecorder, ScenarioFailed

REQUESTS = int(soak.RATE * soak.LOAD_S)


def samples(process: str, bytes_a_minute: int) -> list[Sample]:
    return [Sample(at * 30.0, process, 1, 1, 1, at * bytes_a_minute // 2) for at in range(20)]


@pytest.fixture
def sampler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sampler:
    monkeypatch.setattr(Sampler, "_take", lambda _: None)
    sampler = Sampler({}, tmp_path)
    sampler.samples = samples("kube-apiserver", 0) + samples("kms-plugin", 0)
    sampler.ended_at_s = sampler.samples[-1].at_s + 5
    return sampler


def test_a_slow_machine_shows_nothing() -> None:
    with pytest.raises(pytest.skip.Exception, match=f"{NotRun.NEEDS_SPEED}: it managed 100 a second"):
        soak._prove_rate(ProofRecorder(), REQUESTS, REQUESTS / 100)
    soak._prove_rate(ProofRecorder(), REQUESTS, REQUESTS / 190)


def test_requests_that_are_missing_are_a_failure_at_any_rate() -> None:
    with pytest.raises(ScenarioFailed, match="requests"):
        soak._prove_rate(ProofRecorder(), REQUESTS - 1, soak.LOAD_S)


def test_a_plugin_may_not_keep_a_kibibyte_of_each_call() -> None:
    calls_a_minute = 2400
    soak._prove_no_slope(ProofRecorder(), samples("kms-plugin", 1000 * calls_a_minute), calls_a_minute)
    with pytest.raises(ScenarioFailed, match="memory of kms-plugin"):
        soak._prove_no_slope(ProofRecorder(), samples("kms-plugin", 1030 * calls_a_minute), calls_a_minute)


def test_samples_cover_the_run(sampler: Sampler) -> None:
    soak._prove_sampled(ProofRecorder(), sampler)
    sampler.samples[-1] = replace(sampler.samples[-1], at_s=sampler.ended_at_s - 16)
    with pytest.raises(ScenarioFailed, match="last sample of kms-plugin"):
        soak._prove_sampled(ProofRecorder(), sampler)


def test_the_whole_load_is_judged(sampler: Sampler, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, plugin = Reply(200, '{"metadata": {"name": "s"}}'), SimpleNamespace(encrypt=bytes, decrypt=bytes)
    api = SimpleNamespace(
        create_namespace=lambda _: Reply(201, "{}"),
        create_secret=lambda *_: Reply(201, "{}"),
        get=lambda _: taken,
        update=lambda *_: taken,
    )
    plane = SimpleNamespace(api=api, plugin=SimpleNamespace(client=plugin), name="p")
    monkeypatch.setattr(soak, "LOAD_S", 0.2)
    monkeypatch.setattr(soak, "LEAST_RATE", 0)
    monkeypatch.setattr(soak, "_sampler", lambda *_: sampler)
    proof = ProofRecorder()
    soak.scenario_load(lambda _: cast(ControlPlane, plane), cast(Equipment, None), proof)
    facts = {one.name: one.observed for one in proof.proofs}
    assert facts["requests"] == "40"
    assert facts["memory of kube-apiserver (reported)"].startswith("0.00 MiB a minute")
