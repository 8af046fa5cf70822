"""Every scenario of family A fails by its own proof with its twin, naming the reason, and passes without."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.harness.plugin import Plugin
from pipeline.suite.scenario import ProofRecorder, ScenarioFailed
from pipeline.suite.wire import scenarios_latency
from pipeline.suite.wire.attached import wire_scenarios

pytestmark = pytest.mark.e2e

MakeDouble = Callable[..., Plugin]

# The twin of the catalogue first; further ways to break the same promise with the reason they must give.
TWINS: dict[str, tuple[tuple[str, str], ...]] = {
    "A01": (
        ("never-listens", ""),
        ("listens-elsewhere", "the socket: saw nothing there"),
        ("regular-file", "the socket: saw a file that is no socket"),
        ("v1-only", "Status over the socket: saw UNIMPLEMENTED"),
    ),
    "A01b": (("world-writable", ""),),
    "A01c": (("late-chmod", ""), ("dies-under-umask-077", "start under umask 077: saw .*ended on its own")),
    "A02": (
        ("version", ""),
        ("unhealthy", "healthz: saw the double is not well, wanted ok"),
        ("empty-key-id", "keyID: saw the keyID is empty"),
        ("long-key-id", "1025 bytes, more than 1024"),
        ("status-error", "Status: saw INTERNAL: status is not well"),
    ),
    "A03": (("flip-flop", ""), ("version-flip", "different versions in 1000 replies: saw 2")),
    "A03b": (("key-id-by-start", ""), ("keeps-stale-socket", "restart 2: saw .*in the way")),
    "A04": (("status-bills", ""),),
    "A05": (
        ("other-key-id", ""),
        ("empty-ciphertext", "the ciphertext is empty"),
        ("long-ciphertext", "1025 bytes, more than 1024"),
        ("plaintext", "plaintext in the ciphertext: saw .*raw"),
        ("encodes", "plaintext in the ciphertext: saw base64"),
    ),
    "A06": (
        ("annotation-no-domain", ""),
        ("annotation-oversize", "more than 32768"),
        ("annotation-plaintext", "plaintext in the annotations: saw in annotation debug.double"),
    ),
    "A07": (("deterministic", ""),),
    "A08": (("bound-to-uid", ""), ("wrong-plaintext", "plaintext with the same uid: saw 32 other bytes")),
    "A09": (("ignores-key-id", ""),),
    "A10": (("no-authentication", ""), ("ignores-annotations", "annotations: saw 0 refused, wanted 2 refused")),
    "A11": (("dies-on-short", ""), ("answers-malformed", "Decrypt of 0 bytes: saw a reply of 32 bytes")),
    "A11b": (("dies-on-large", ""), ("no-authentication", "large Decrypt.*: saw a reply")),
    "A12": (("leaks", ""),),
    "A13": (("mixes-up", ""),),
    "A13b": (("overloaded", ""),),
    "A14": (("keeps-stale-socket", ""), ("forgets-keys", "Decrypt after SIGTERM: saw NOT_FOUND")),
    "A14b": (("steals-live-socket", ""),),
    "A14c": (("deletes-file", ""),),
    "A14d": (("hangs-on-stop", ""),),
    "A15": (("own-keys", ""),),
    "A16": (("logs-plaintext", ""), ("metrics-plaintext", "seeds found: saw .*hexadecimal in metrics")),
    "A17": (("slow", ""),),
}


CATALOGUE = {item.entry.id: item for item in wire_scenarios()}
CASES = [(name, fault, reason) for name, twins in TWINS.items() for fault, reason in twins]


def run(name: str, make_double: MakeDouble, fault: str) -> ProofRecorder:
    scenario = CATALOGUE[name]
    plugin = make_double(fault, 4.0 if fault in ("never-listens", "listens-elsewhere") else 30.0)
    proof = ProofRecorder()
    values: dict[str, Any] = {"proof": proof, "idle_plugin": plugin, "kms_plugin": plugin, "kms_client": plugin.client}
    if "idle_plugin" not in scenario.fixtures:
        plugin.start()
    scenario.function(**{key: values[key] for key in scenario.fixtures})
    return proof


def test_every_scenario_has_a_twin_here() -> None:
    assert sorted(TWINS) == sorted(CATALOGUE)


@pytest.mark.parametrize("name", sorted(TWINS))
def test_passes_with_the_healthy_double(name: str, make_double: MakeDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "A17":  # the double's latency is the machine's; that slow calls are measured is the twin's proof
        monkeypatch.setattr(scenarios_latency, "BUDGETS_S", dict.fromkeys(scenarios_latency.BUDGETS_S, 30.0))
    proof = run(name, make_double, "")
    assert proof.proofs
    assert all(fact.holds for fact in proof.proofs)


@pytest.mark.parametrize(("name", "fault", "reason"), CASES, ids=[f"{name}-{fault}" for name, fault, _ in CASES])
def test_fails_with_the_twin_by_its_own_proof(name: str, fault: str, reason: str, make_double: MakeDouble) -> None:
    with pytest.raises(ScenarioFailed) as caught:
        run(name, make_double, fault)
    assert re.search(reason or CATALOGUE[name].entry.twin.reason, str(caught.value), re.DOTALL), str(caught.value)
