"""The watch over etcd sees every write of a real kube-apiserver, and one plain value among them is found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.core.result import Outcome
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions
from pipeline.harness.etcd_watch import current_revision
from pipeline.harness.kube_apiserver import ApiServerOptions
from pipeline.suite.equipment import load_equipment
from pipeline.suite.upstream.cluster import encrypt_everything
from pipeline.suite.upstream.judge import TRANSFORMATIONS, count_encryptions, judge_metrics, judge_writes
from pipeline.suite.upstream.writes import WriteCounts, WriteJudge, WriteWatch

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
WRITTEN = 5


@pytest.fixture(scope="module")
def plane(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    options = ControlPlaneOptions(
        configure=encrypt_everything, api_server=ApiServerOptions(flags=("--etcd-compaction-interval=0",))
    )
    equipment = load_equipment(assets, tmp_path_factory.mktemp("report"))
    with ControlPlane("writes", equipment, options) as running:
        yield running


def watched(plane: ControlPlane) -> WriteCounts:
    judge = WriteJudge(plane.options.provider, plane.plugin.client)
    with WriteWatch(plane.etcd.socket, judge) as watch:
        return watch.reach(current_revision(plane.etcd.socket))


def test_every_write_since_the_first_revision_is_encrypted_and_counted(plane: ControlPlane) -> None:
    assert plane.api.create_namespace("writes").ok
    for number in range(WRITTEN):
        assert plane.api.create_secret("writes", f"one-{number}", {"value": b"x"}).ok
    assert plane.api.delete("/api/v1/namespaces/writes/secrets/one-0").ok
    counts = watched(plane)
    by_kms, otherwise = count_encryptions(plane.api.samples(TRANSFORMATIONS))
    assert judge_writes(counts).outcome is Outcome.PASSED
    assert judge_metrics(counts, by_kms, otherwise).outcome is Outcome.PASSED
    assert counts.encrypted["secrets"] == WRITTEN
    assert counts.deleted >= 1
    assert counts.plain["/registry/masterleases/"] >= 1


def test_a_plain_value_that_is_overwritten_at_once_is_found(plane: ControlPlane) -> None:
    key = "/registry/secrets/default/behind"
    plane.etcd.put(key, b"k8s\0plain")
    plane.etcd.delete(key)
    result = judge_writes(watched(plane))
    assert result.outcome is Outcome.FAILED
    assert key in result.reason
