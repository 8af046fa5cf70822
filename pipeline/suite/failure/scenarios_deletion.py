"""D80: an object that nobody can read any more can still be deleted."""

from __future__ import annotations

import dataclasses
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.api import Reply
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.storage import encode
from pipeline.suite.failure.steps import SERVER_ERROR, prove_read
from pipeline.suite.known import kubernetes_minor
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.support import new_namespace, sealed, write_secret

# The feature gate AllowUnsafeMalformedObjectDeletion is on from here. Source: pkg/features/kube_features.go.
_ON_SINCE: Final = (1, 37)
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
    """The wrapped seed is damaged: DELETE is 500 and the object stays; with the option it goes (500 before 1.37)."""
    plane, namespace = control_plane, new_namespace(control_plane, proof)
    neighbour, lost = (write_secret(plane, proof, namespace) for _ in range(2))
    stored = sealed(plane, lost.key)
    damaged = stored.encrypted_dek_source[:-1] + bytes([stored.encrypted_dek_source[-1] ^ 1])
    plane.etcd.put(lost.key, encode(dataclasses.replace(stored, encrypted_dek_source=damaged)))
    try:
        refused = plane.api.delete(lost.path)
        _prove_kept(plane, proof, "DELETE without the request", lost.key, refused)
        forced = plane.api.request("DELETE", lost.path, _UNSAFE)
        if kubernetes_minor(plane.api) < _ON_SINCE:
            _prove_kept(plane, proof, "DELETE with the request and without the feature", lost.key, forced)
        else:
            gone = forced.ok and plane.etcd.get(lost.key) is None
            wanted = "HTTP 200, and etcd has the object no more"
            proof.that("DELETE with the request", observed=str(forced)[:300], wanted=wanted, holds=gone)
        prove_read(plane, proof, neighbour, "GET of its neighbour")
    finally:
        plane.etcd.delete(lost.key)


def _prove_kept(plane: ControlPlane, proof: ProofRecorder, what: str, key: str, reply: Reply) -> None:
    kept = reply.status == SERVER_ERROR and plane.etcd.get(key) is not None
    proof.that(what, observed=str(reply)[:300], wanted="HTTP 500, and etcd still has the object", holds=kept)
