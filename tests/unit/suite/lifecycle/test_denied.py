from __future__ import annotations

import base64

import pytest

from pipeline.harness.api import Reply
from pipeline.suite.lifecycle.scenarios_denied import _Look, _prove_reads, _prove_refused
from pipeline.suite.scenario import ProofRecorder, ScenarioFailed
from pipeline.suite.support import Secret

OK, REFUSED = Reply(200, "{}"), Reply(500, '{"kind": "Status"}')
COLD = Secret("n", "cold", b"value")


def look(at_s: float, *, cold: Reply = REFUSED, write: Reply = REFUSED) -> _Look:
    return _Look(at_s, OK, OK, cold, write)


def test_writes_end_with_their_lifetime() -> None:
    proof = ProofRecorder()
    _prove_refused(proof, [look(100, write=OK), look(170), look(200)])
    assert proof.proofs[-1].observed == "170 s into the outage"


@pytest.mark.parametrize("looks", [[look(100)], [look(200, write=OK)], [look(200), look(205, write=OK)]])
def test_without_a_late_refusal_there_is_no_proof(looks: list[_Look]) -> None:
    with pytest.raises(ScenarioFailed, match="writes after the write lifetime"):
        _prove_refused(ProofRecorder(), looks)


def test_a_cold_secret_is_refused_without_its_value() -> None:
    _prove_reads(ProofRecorder(), [look(5)], COLD)
    leaking = Reply(500, f'{{"data": "{base64.b64encode(COLD.value).decode()}"}}')
    for reply, named in ((OK, "under a cold seed"), (leaking, "with the value")):
        with pytest.raises(ScenarioFailed, match=named):
            _prove_reads(ProofRecorder(), [look(5, cold=reply)], COLD)
