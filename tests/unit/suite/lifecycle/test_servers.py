from __future__ import annotations

import pytest

from pipeline.suite.lifecycle.scenarios_servers import _prove_window, _Write
from pipeline.suite.scenario import ProofRecorder, ScenarioFailed
from pipeline.suite.support import Secret


def writes(*keys: str) -> list[_Write]:
    """Two servers in turn, a second apart."""
    secret = Secret("n", "s", b"v")
    return [_Write(float(at // 2), f"server-{at % 2}", key, secret) for at, key in enumerate(keys)]


def test_the_window_is_from_the_first_new_to_the_last_old() -> None:
    proof = ProofRecorder()
    _prove_window(proof, writes("old", "old", "new", "old", "new", "old", "new", "new"), "old", 2)
    assert proof.proofs[-1].observed == "1.0 s"


def test_servers_that_change_at_once_show_no_window() -> None:
    with pytest.raises(ScenarioFailed, match=r"convergence window.* saw -1\.0 s"):
        _prove_window(ProofRecorder(), writes("old", "old", "new", "new"), "old", 2)


def test_a_server_does_not_go_back() -> None:
    with pytest.raises(ScenarioFailed, match=r"by the same server: saw \['server-0'\]"):
        _prove_window(ProofRecorder(), writes("new", "old", "old", "old", "new", "new"), "old", 2)
