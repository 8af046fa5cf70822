"""C34-C36 and C38: a store after rotations, migrated or not, and old keys that are switched off."""

from __future__ import annotations

from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.kms.contract import key_id_hash
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import assert_readable, rewrite_store
from pipeline.suite.support import (
    OK,
    Secret,
    alive,
    decoded,
    new_namespace,
    opened,
    reached,
    rotate,
    sealed,
    under,
    write_secret,
    write_secrets,
)

_PLANE: Final = "migration"
_LONG: Final = "generations"
_DEADLINE_S: Final = 120.0
_OBJECTS: Final = 10
_KEP: Final = "KEP-3299"
_SERVER_ERROR: Final = 500
_ANSWER_TIMEOUT_S: Final = 60.0


def rotate_and_restart(plane: ControlPlane, proof: ProofRecorder) -> str:
    """Rotate the key and let kube-apiserver see it at once by a restart; return the new keyID."""
    key_id = rotate(plane, proof)
    plane.restart_api_server(ready=False)
    return key_id


@scenario(
    Scenario(
        id="C34",
        title="after a rotation and a rewrite no object has an old keyID",
        level=Level.MUST,
        source=f"{_KEP}: a no-op update re-encrypts what has another keyID than Status",
        subject=Subject.PROCEDURE,
        plane=_PLANE,
        hooks=("rotate",),
        deadline_s=_DEADLINE_S,
        twin=Twin(breaks="procedure: one Secret is not rewritten", reason="keyIDs in the store"),
    )
)
def scenario_rewrite_after_rotation(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """Every value under /registry/secrets/ is decoded: one keyID, the new one; each is opened with Decrypt alone."""
    plane = control_plane
    secrets = write_secrets(plane, proof, new_namespace(plane, proof), _OBJECTS)
    old = {sealed(plane, secret.key).key_id for secret in secrets}
    new = rotate_and_restart(plane, proof)
    proof.that("keyIDs before the rewrite lack the new one", observed=new in old, wanted=False)
    count = rewrite_store(plane, proof)
    values = list(under(plane))
    proof.that("keyIDs in the store", observed=sorted({decoded(value).key_id for value in values}), wanted=[new])
    proof.that("values decoded", observed=len(values), wanted=count)
    for secret in secrets:
        if secret.value not in opened(plane, secret.key):
            proof.that(f"{secret.name} opens", observed="another value", wanted="its value", holds=False)


@scenario(
    Scenario(
        id="C35",
        title="after a migration and a restart metrics know the new key alone",
        level=Level.MUST,
        source="kubernetes/apiserver envelope/metrics/metrics.go key_id_hash_total{from_storage}",
        subject=Subject.PROCEDURE,
        plane=_PLANE,
        hooks=("rotate",),
        deadline_s=_DEADLINE_S,
        fast=False,
        twin=Twin(breaks="procedure: one Secret is not rewritten", reason="keyID hashes read from storage"),
    )
)
def scenario_new_hash_only(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """Restarted and having read every object, kube-apiserver counts from_storage under one hash: the new keyID's."""
    plane = control_plane
    secrets = write_secrets(plane, proof, new_namespace(plane, proof), _OBJECTS)
    new = rotate_and_restart(plane, proof)
    rewrite_store(plane, proof)
    plane.restart_api_server(ready=False)
    assert_readable(plane.api, proof, secrets, "after the restart")
    samples = plane.api.samples("apiserver_envelope_encryption_key_id_hash_total", transformation_type="from_storage")
    hashes = sorted({sample.labels["key_id_hash"] for sample in samples})
    proof.that("keyID hashes read from storage", observed=hashes, wanted=[key_id_hash(new)])


@scenario(
    Scenario(
        id="C36",
        title="two rotations without a migration leave three readable generations",
        level=Level.MUST,
        source=f"api.proto Decrypt; {_KEP}: old keys must decrypt until the data is migrated",
        subject=Subject.PLUGIN,
        plane=_LONG,
        hooks=("rotate",),
        deadline_s=_DEADLINE_S,
        fast=False,
        twin=Twin(breaks="plugin: Decrypt knows the two newest keys", reason="read back after"),
    )
)
def scenario_three_generations(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """One Secret for each of three keyIDs; kube-apiserver restarts (no cached seed) and GETs each of them."""
    plane, namespace = control_plane, new_namespace(control_plane, proof)
    secrets = [write_secret(plane, proof, namespace)]
    for _ in range(2):
        rotate_and_restart(plane, proof)
        assert_readable(plane.api, proof, secrets, "after a rotation")
        secrets.append(write_secret(plane, proof, namespace))
    proof.that("keyIDs", observed=len({sealed(plane, secret.key).key_id for secret in secrets}), wanted=3)
    plane.restart_api_server(ready=False)
    assert_readable(plane.api, proof, secrets, "after two rotations")


@scenario(
    Scenario(
        id="C38",
        title="a disabled old key costs nothing after the migration, and fails closed before",
        # No MUST: nothing forbids a plugin to keep a key that it has used in memory.
        level=Level.SHOULD,
        source=f"api.proto Decrypt; {_KEP}: an object whose key is gone is an error, never other data",
        subject=Subject.PLUGIN,
        hooks=("rotate", "disable_old_key"),
        deadline_s=_DEADLINE_S,
        fast=False,
        plane=_LONG,
        twin=Twin(breaks="hook: the old key stays enabled", reason="GET of an object of a disabled key"),
    )
)
def scenario_disabled_key(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """Migrated, disabled, restarted: every GET 200. Rotated, disabled, restarted, not migrated: 500 and a gRPC code."""
    plane, namespace = control_plane, new_namespace(control_plane, proof)
    migrated = write_secrets(plane, proof, namespace, _OBJECTS)
    rotate_and_restart(plane, proof)
    rewrite_store(plane, proof)
    plane.plugin.hook("disable_old_key")
    plane.restart_api_server(ready=False)
    assert_readable(plane.api, proof, migrated, "after the migration, the old key disabled")
    rotate(plane, proof)
    plane.plugin.hook("disable_old_key")
    _restart_until_answered(plane, proof, migrated[0])
    _assert_closed(plane, proof, migrated[0])


def _restart_until_answered(plane: ControlPlane, proof: ProofRecorder, secret: Secret) -> None:
    """Restart kube-apiserver until it answers a GET at all: over an unreadable store /livez takes a minute."""
    plane.server.stop()
    plane.server.start()

    def answered() -> str | bool:
        reply = plane.api.get(secret.path)
        return reply.status in (OK, _SERVER_ERROR) or f"not yet: {reply}"

    reached(proof, "GET is answered", answered, timeout_s=_ANSWER_TIMEOUT_S, alive=alive(plane))


def _assert_closed(plane: ControlPlane, proof: ProofRecorder, secret: Secret) -> None:
    """Prove that GET answers 500 without data, and that the metric has a Decrypt with an error of gRPC."""
    reply = plane.api.get(secret.path)
    holds = reply.status == _SERVER_ERROR and "data" not in reply.body
    proof.that("GET of an object of a disabled key", observed=str(reply)[:300], wanted="HTTP 500", holds=holds)
    codes = {
        sample.labels["grpc_status_code"]
        for sample in plane.api.samples(
            "apiserver_envelope_encryption_kms_operations_latency_seconds_count",
            method_name="/v2.KeyManagementService/Decrypt",
        )
    } - {"OK"}
    proof.that(
        "gRPC codes of failed Decrypts in the metric", observed=sorted(codes), wanted="at least one", holds=bool(codes)
    )
