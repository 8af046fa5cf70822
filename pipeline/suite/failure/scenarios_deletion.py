"""D80: an object that nobody can read any more can still be deleted."""

from __future__ import annotations

import dataclasses
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.api import Reply
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.storage import encode
from pipeline.suite.failure.steps import SERVER_ERROR, prove_read
from pipeline.suite.known import KEPT, LOST_KEY_KEEPS_OBJECTS, REMOVED, kubernetes_minor, prove
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.support import new_namespace, sealed, write_secret

_UNSAFE: Final = {
    "apiVersion": "v1",
    "kind": "DeleteOptions",
    "ignoreStoreReadErrorWithClusterBreakingPotential": True,
}


@scenario(
    Scenario(
        id="D80",
        title="an object whose key is lost is deleted on express request alone",
        level=Level.MUST,
        source="KEP-3926; kubernetes/kubernetes issues 53301 and 86489: objects of a lost key could not be deleted",
        subject=Subject.KUBE_APISERVER,
        plane="failure",
        twin=Twin(breaks="etcd: the key is not lost", reason="DELETE without the request"),
    )
)
def scenario_unsafe_deletion(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """The wrapped seed is damaged: DELETE is 500 and the object stays; with the option it goes, or the issue is met."""
    plane, namespace = control_plane, new_namespace(control_plane, proof)
    neighbour, lost = (write_secret(plane, proof, namespace) for _ in range(2))
    stored = sealed(plane, lost.key)
    damaged = stored.encrypted_dek_source[:-1] + bytes([stored.encrypted_dek_source[-1] ^ 1])
    plane.etcd.put(lost.key, encode(dataclasses.replace(stored, encrypted_dek_source=damaged)))
    try:
        refused = plane.api.delete(lost.path)
        observed = _outcome(plane, lost.key, refused)
        proof.that("DELETE without the request", observed=observed, wanted=KEPT)
        observed = _outcome(plane, lost.key, plane.api.request("DELETE", lost.path, _UNSAFE))
        prove(proof, "DELETE with the request", LOST_KEY_KEEPS_OBJECTS, kubernetes_minor(plane.api), observed)
        prove_read(plane, proof, neighbour, "GET of its neighbour")
    finally:
        plane.etcd.delete(lost.key)


def _outcome(plane: ControlPlane, key: str, reply: Reply) -> str:
    """Say what a DELETE did, by its answer and etcd."""
    kept = plane.etcd.get(key) is not None
    if (reply.status == SERVER_ERROR and kept) or (reply.ok and not kept):
        return KEPT if kept else REMOVED
    return f"{str(reply)[:300]}, and etcd {'still has' if kept else 'no longer has'} the object"
