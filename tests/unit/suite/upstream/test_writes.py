"""Every write is judged by what it holds: provider, form, and whether it opens under its own key."""

from __future__ import annotations

import dataclasses

import pytest

from pipeline.core.result import Outcome
from pipeline.harness.etcd import EtcdValue
from pipeline.harness.kms import EncryptReply
from pipeline.harness.storage import EncryptedObject, encode, seal
from pipeline.suite.upstream.judge import judge_metrics, judge_plain, judge_writes
from pipeline.suite.upstream.tables import resource_rows
from pipeline.suite.upstream.writes import PlainJudge, WriteJudge

SEED = bytes(range(32))
SECRET = "/registry/secrets/default/one"
CUSTOM = "/registry/example.com/foos/default/one"


class Plugin:
    """Unwraps nothing but counts."""

    def __init__(self) -> None:
        self.calls = 0

    def decrypt(self, _encrypted: EncryptReply) -> bytes:
        self.calls += 1
        return SEED


def value(key: str, provider: str = "kms-e2e", sealed_for: str = "") -> EtcdValue:
    stored = EncryptedObject(provider, seal(b"k8s\0x", (sealed_for or key).encode(), SEED), "key-1", b"wrapped")
    return EtcdValue(key, encode(stored), 7)


def judged(*values: EtcdValue) -> WriteJudge:
    judge = WriteJudge("kms-e2e", Plugin())
    for item in values:
        judge.judge(item)
    return judge


def test_encrypted_values_are_counted_by_resource_and_unwrapped_once() -> None:
    plugin = Plugin()
    judge = WriteJudge("kms-e2e", plugin)
    for key in (SECRET, SECRET, CUSTOM):
        judge.judge(value(key))
    assert judge.counts.encrypted == {"secrets": 2, "foos.example.com": 1}
    assert judge.counts.key_ids == {"key-1": 3}
    assert (plugin.calls, judge.counts.dek_sources) == (1, 1)
    assert judge_writes(judge.counts).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (EtcdValue(SECRET, b"k8s\0plain", 9), "was not written by a KMS v2 provider"),
        (value(SECRET, provider="another"), "another provider wrote it"),
        (value(SECRET, sealed_for="/registry/secrets/default/two"), "does not open"),
        (EtcdValue("/registry/events/x", b"", 9), "was not written by a KMS v2 provider"),
    ],
)
def test_a_single_value_that_is_not_fails_and_is_named(broken: EtcdValue, reason: str) -> None:
    counts = judged(value(SECRET), broken).counts
    assert counts.problem_count == 1
    result = judge_writes(counts)
    assert result.outcome is Outcome.FAILED
    assert reason in result.reason
    assert broken.key in result.reason


def test_keys_that_are_never_encrypted_are_named_and_counted() -> None:
    lease = EtcdValue("/registry/masterleases/192.0.2.1", b"k8s\0x", 3)
    counts = judged(value(SECRET), lease, dataclasses.replace(lease, key="/registry/ranges/servicenodeports")).counts
    result = judge_writes(counts)
    assert result.outcome is Outcome.PASSED
    assert "1 below /registry/masterleases/, 1 below /registry/ranges/" in {proof.observed for proof in result.proofs}
    assert counts.written == 3


def test_nothing_written_is_no_proof() -> None:
    assert judge_writes(judged().counts).outcome is Outcome.FAILED


def test_a_watch_that_missed_a_revision_proves_nothing() -> None:
    counts = judged(value(SECRET), value(SECRET)).counts
    counts.deleted, counts.revision = 1, 4
    assert judge_writes(counts).outcome is Outcome.PASSED
    counts.revision = 5
    assert (
        "changes judged: saw 3 (2 values, 1 deletions) to revision 5, wanted at least 4" in judge_writes(counts).reason
    )
    plain = PlainJudge()
    plain.judge(EtcdValue(SECRET, b"k8s\0x", 3))
    plain.counts.revision = 100_000
    assert "changes judged: saw 1" in judge_plain(plain.counts).reason


def test_metrics_may_count_more_and_never_less() -> None:
    counts = judged(value(SECRET), value(CUSTOM)).counts
    assert judge_metrics(counts, {"secrets": 2, "foos": 1}, {}).outcome is Outcome.PASSED
    assert "secrets written as wanted: saw 0" in judge_metrics(counts, {"foos": 5}, {}).reason
    assert "wrote otherwise: saw 1" in judge_metrics(counts, {"secrets": 1, "foos": 1}, {"events": 1}).reason


def test_writes_that_etcd_refused_throughout_are_no_custom_resources() -> None:
    counts = judged(value(SECRET), value(CUSTOM)).counts
    rows = resource_rows(counts, {"secrets": 2, "foos": 1, "leases": 3})
    assert [(row.resource, row.written, row.counted) for row in rows] == [
        ("custom resources", 1, 1),
        ("never written, each refused by etcd", 0, 3),
        ("secrets", 1, 2),
    ]
    assert len(resource_rows(counts, {"secrets": 1, "foos": 1})) == 2


def test_a_plain_store_counts_plain_values_and_names_an_encrypted_one() -> None:
    judge = PlainJudge()
    assert judge_plain(judge.counts).outcome is Outcome.FAILED
    for key in (SECRET, SECRET, CUSTOM, "/registry/masterleases/192.0.2.1"):
        judge.judge(EtcdValue(key, b"k8s\0x", 3))
    counts = judge.counts
    assert (counts.identity, counts.plain.total(), counts.written) == ({"secrets": 2, "foos.example.com": 1}, 1, 4)
    assert judge_plain(counts).outcome is Outcome.PASSED
    assert judge_metrics(counts, {"secrets": 2, "foos": 1}, {}).outcome is Outcome.PASSED
    assert "wrote otherwise: saw 1" in judge_metrics(counts, {"secrets": 2, "foos": 1}, {"secrets": 1}).reason
    for broken in (value(SECRET), EtcdValue(SECRET, b"k8s:enc:kms", 9)):
        judge.judge(broken)
        assert f"revision {broken.mod_revision}, {SECRET}" in judge_plain(counts).reason
    assert counts.problem_count == 2
