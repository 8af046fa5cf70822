"""C31-C33: a rotated key-encryption key is used, gives a new seed, and old objects stay readable."""

from __future__ import annotations

from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.kms.contract import key_id_hash
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.support import (
    await_key_id,
    new_namespace,
    rewrite,
    rotate,
    sealed,
    unwrapped,
    write_secret,
)

# The status poll is 60 s; polling /readyz/kms-providers shortens it to 20 s (config.go). Slack for a loaded machine.
_IN_USE_TIMEOUT_S: Final = 60.0
_DEADLINE_S: Final = 120.0


@scenario(
    Scenario(
        id="C31",
        title="kube-apiserver writes with a rotated key",
        level=Level.MUST,
        source="KEP-3299: a changed Status.key_id makes kube-apiserver generate a new seed",
        subject=Subject.PLUGIN,
        hooks=("rotate",),
        deadline_s=_DEADLINE_S,
        waits=True,
        twin=Twin(breaks="plugin: Encrypt goes on with the key of its start", reason="new objects have keyID"),
    )
)
def scenario_rotation_in_use(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """After the rotate hook, new objects have the new keyID within 60 s, and the status metric shows its hash."""
    key_id = rotate(control_plane, proof)
    await_key_id(control_plane, proof, key_id, _IN_USE_TIMEOUT_S)
    stamp = control_plane.api.total(
        "apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds", key_id_hash=key_id_hash(key_id)
    )
    proof.that("key_id_hash_status_last_timestamp_seconds", observed=stamp, wanted="> 0", holds=stamp > 0)


@scenario(
    Scenario(
        id="C32",
        title="a rotation gives a new seed",
        level=Level.MUST,
        source="KEP-3299: rotation of the KEK rotates the DEK seed",
        subject=Subject.PLUGIN,
        hooks=("rotate",),
        deadline_s=_DEADLINE_S,
        waits=True,
        twin=Twin(breaks="plugin: Encrypt returns the first ciphertext for ever", reason="encrypted seed"),
    )
)
def scenario_new_seed(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """The encryptedDEKSource of objects before and after the rotation differ, and so do the unwrapped seeds."""
    namespace = new_namespace(control_plane, proof)
    before = sealed(control_plane, write_secret(control_plane, proof, namespace).key)
    await_key_id(control_plane, proof, rotate(control_plane, proof), _IN_USE_TIMEOUT_S)
    after = sealed(control_plane, write_secret(control_plane, proof, namespace).key)
    changed = before.encrypted_dek_source != after.encrypted_dek_source
    proof.that("encrypted seed changed", observed=changed, wanted=True)
    seeds = {unwrapped(control_plane.plugin, stored.wrapped) for stored in (before, after)}
    proof.that("different unwrapped seeds", observed=len(seeds), wanted=2)


@scenario(
    Scenario(
        id="C33",
        title="old objects are readable after a rotation, and rewritten once",
        level=Level.MUST,
        source="api.proto Decrypt; KEP-3299: old keys must decrypt until the data is migrated",
        subject=Subject.PLUGIN,
        hooks=("rotate",),
        deadline_s=_DEADLINE_S,
        plane="migration",
        twin=Twin(breaks="plugin: Decrypt refuses keys that are not the newest", reason="GET of an old object"),
    )
)
def scenario_old_objects(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """After rotation and a restart (no cached seed) an old object is read; a no-op update rewrites it exactly once."""
    secret = write_secret(control_plane, proof, new_namespace(control_plane, proof))
    old = sealed(control_plane, secret.key).key_id
    new = rotate(control_plane, proof)
    control_plane.restart_api_server(ready=False)
    read = control_plane.api.get_secret(secret.namespace, secret.name)
    proof.that("GET of an old object", observed=str(read)[:300], wanted="HTTP 200", holds=read.ok)
    proof.that("keyID before the update", observed=sealed(control_plane, secret.key).key_id, wanted=old)
    before, once = rewrite(control_plane, proof, secret.path)
    proof.that("resourceVersion changes with the first update", observed=once != before, wanted=True)
    proof.that("keyID after the update", observed=sealed(control_plane, secret.key).key_id, wanted=new)
    _, twice = rewrite(control_plane, proof, secret.path)
    proof.that("resourceVersion after the second update", observed=twice, wanted=once)
