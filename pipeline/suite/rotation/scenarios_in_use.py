"""C37, C39 and C40: keyIDs that return, a rotation under load, a Status that names another key than Encrypt."""

from __future__ import annotations

from functools import partial
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.plugin import Plugin
from pipeline.harness.proxy import EditStatus
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.support import (
    OK,
    ROTATION_TIMEOUT_S,
    SECRETS_PREFIX,
    alive,
    await_fresh_status,
    decoded,
    new_namespace,
    opened,
    reached,
    rotate,
    sealed,
    under,
    unwrapped,
    write_secret,
)
from pipeline.suite.wire.steps import replied
from pipeline.suite.writers import Writers

_DEADLINE_S: Final = 120.0
_IN_USE_TIMEOUT_S: Final = 60.0
_KEP: Final = "KEP-3299"
_SEED: Final = b"\x5a" * 32
_WRITERS: Final = 3
_PAUSE_S: Final = 0.1
_FAILURES_SHOWN: Final = 5
_MISMATCH: Final = "another-key"


@scenario(
    Scenario(
        id="C37",
        title="a key that is reinstated gets a keyID that was never used",
        level=Level.MUST,
        source=f"{_KEP}: a keyID is never re-used; A, B and A again must report A_001",
        subject=Subject.PLUGIN,
        hooks=("rotate", "reinstate"),
        twin=Twin(breaks="plugin: the reinstated key has its old keyID", reason="keyIDs are all different"),
    )
)
def scenario_reinstated_key(kms_plugin: Plugin, proof: ProofRecorder) -> None:
    """The history of Status.keyID over a rotation and a reinstatement; what each key encrypted is still decrypted."""
    client = kms_plugin.client
    history = [replied(proof, "Status", client.status).key_id]
    wrapped = [replied(proof, "Encrypt", partial(client.encrypt, _SEED))]
    for hook, values in (("rotate", {}), ("reinstate", {"key_id": history[0]})):
        kms_plugin.hook(hook, **values)
        _await_other_key(kms_plugin, proof, history[-1])
        history.append(replied(proof, "Status", client.status).key_id)
        wrapped.append(replied(proof, f"Encrypt after {hook}", partial(client.encrypt, _SEED)))
    proof.that("keyIDs are all different", observed=history, wanted="3 keyIDs", holds=len(set(history)) == len(history))
    decrypted = [unwrapped(kms_plugin, reply) == _SEED for reply in wrapped]
    proof.that("what each key encrypted is decrypted", observed=decrypted, wanted=[True] * len(history))


def _await_other_key(plugin: Plugin, proof: ProofRecorder, before: str) -> None:
    def changed() -> bool:
        return plugin.client.status().key_id != before

    reached(proof, "Status.keyID changes", changed, timeout_s=ROTATION_TIMEOUT_S)


@scenario(
    Scenario(
        id="C39",
        title="a rotation under write load fails no write",
        level=Level.MUST,
        source=f"{_KEP}: the seed in use serves writes until the new one is there",
        subject=Subject.PLUGIN,
        hooks=("rotate",),
        deadline_s=_DEADLINE_S,
        fast=False,
        waits=True,
        twin=Twin(breaks="procedure: kube-apiserver is restarted for the rotation", reason="failed writes"),
    )
)
def scenario_rotation_under_load(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """Three writers until objects have the new keyID: no failed write, both keyIDs in etcd, each object opens."""
    plane = control_plane
    namespace = new_namespace(plane, proof)
    old = plane.plugin.client.status().key_id
    with Writers(plane, namespace, _WRITERS, _PAUSE_S) as load:
        _await_written(proof, load, plane, old)
        new = rotate(plane, proof)
        _await_written(proof, load, plane, new)
    proof.that("failed writes", observed=[str(reply)[:200] for reply in load.failures[:_FAILURES_SHOWN]], wanted=[])
    values = list(under(plane, f"{SECRETS_PREFIX}{namespace}/"))
    proof.that("objects in etcd", observed=len(values), wanted=len(load.written))
    proof.that("keyIDs in etcd", observed={decoded(value).key_id for value in values}, wanted={old, new})
    wrong = [secret.name for secret in load.written if secret.value not in opened(plane, secret.key)]
    proof.that("objects that do not open to what was written", observed=wrong, wanted=[])


def _await_written(proof: ProofRecorder, load: Writers, plane: ControlPlane, key_id: str) -> None:
    """Wait until a writer's last object has a keyID; a failed write ends the wait."""

    def written() -> str | bool:
        plane.api.get("/readyz/kms-providers")
        if not load.written:
            return bool(load.failures)
        seen = sealed(plane, load.written[-1].key).key_id
        return bool(load.failures) or seen == key_id or f"not yet: new objects have keyID {seen!r}"

    what = f"writers' objects have keyID {key_id!r}"
    reached(proof, what, written, timeout_s=_IN_USE_TIMEOUT_S, poll_s=0.5, alive=alive(plane))


@scenario(
    Scenario(
        id="C40",
        title="a Status that names another key than Encrypt is unhealthy, and writes coast on the old seed",
        level=Level.MUST,
        source=f"{_KEP}; apiserver config.go rotateDEKOnKeyIDChange: a response with another keyID is discarded",
        subject=Subject.KUBE_APISERVER,
        deadline_s=_DEADLINE_S,
        fast=False,
        waits=True,
        twin=Twin(breaks="proxy: Encrypt names the same other key as Status", reason="keyID of a new object"),
    )
)
def scenario_key_id_mismatch(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """Proxy: Status says another keyID. /readyz names the provider, new objects keep the old keyID, and it heals."""
    plane, namespace = control_plane, new_namespace(control_plane, proof)
    old = plane.plugin.client.status().key_id
    plane.proxy.faults.set(EditStatus(key_id=_MISMATCH))
    _await_unhealthy(plane, proof, namespace, old)
    reply = plane.api.get("/readyz/kms-providers")
    named = "kms-provider-0" in reply.text
    proof.that("/readyz/kms-providers names the provider", observed=str(reply), wanted="kms-provider-0", holds=named)
    seen = {decoded(value).key_id for value in under(plane)}
    proof.that("keyIDs in the store", observed=seen, wanted={old})
    plane.proxy.faults.clear()
    await_fresh_status(plane)
    reached(proof, "healthy again", lambda: _ready(plane), timeout_s=_IN_USE_TIMEOUT_S, alive=alive(plane))


def _await_unhealthy(plane: ControlPlane, proof: ProofRecorder, namespace: str, old: str) -> None:
    """Wait until health fails; meanwhile, and once more after it, a write succeeds with the old keyID."""

    def unhealthy() -> bool:
        ready = _ready(plane)
        seen = sealed(plane, write_secret(plane, proof, namespace).key).key_id
        if seen != old:
            proof.that("keyID of a new object", observed=seen, wanted=old)
        return not ready

    what = "/readyz/kms-providers fails while writes succeed with the old keyID"
    reached(proof, what, unhealthy, timeout_s=_IN_USE_TIMEOUT_S, poll_s=0.5, alive=alive(plane))


def _ready(plane: ControlPlane) -> bool:
    return plane.api.get("/readyz/kms-providers").status == OK
