"""D48, D76, D78 and D79: damaged values, a plugin killed under load, a lost right to decrypt, a stampede of reads."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.errors import KmsE2EError
from pipeline.harness.api import Reply
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.proxy import Delay, Error
from pipeline.harness.storage import encode
from pipeline.suite.failure.seeds import put_with_new_seed
from pipeline.suite.failure.steps import (
    HEALTH,
    SERVER_ERROR,
    operations,
    prove_counted,
    prove_live,
    prove_read,
    server_pid,
    value_of,
)
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.support import (
    Secret,
    await_fresh_status,
    new_namespace,
    opened,
    raw,
    reached,
    sealed,
    write_secret,
)
from pipeline.suite.threads import at_once
from pipeline.suite.writers import Writers

_PLANE: Final = "failure"
_WRITERS: Final = 4
_WRITES_A_PHASE: Final = 20
_PHASE_TIMEOUT_S: Final = 20.0
_READERS: Final = 100
_ANSWERS_SHOWN: Final = 3
# Long enough that reads meet before the first answer, and far from the timeout of 3 s, which a busy machine nears.
_DECRYPT_DELAY_S: Final = 0.25
_RELIST_TIMEOUT_S: Final = 30.0


@scenario(
    Scenario(
        id="D48",
        title="damaged values in etcd fail alone, and are reported",
        level=Level.MUST,
        source="kubernetes/apiserver storage/etcd3 corrupt_obj_deleter.go: a StorageError names the object",
        subject=Subject.KUBE_APISERVER,
        plane=_PLANE,
        deadline_s=120,
        twin=Twin(breaks="etcd: the damage is undone at once", reason="GET of a value with a flipped bit"),
    )
)
def scenario_damaged_values(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """A flipped bit in data or wrapped seed, a truncated value: GET 500 each, LIST names one, the neighbour is read."""
    plane, namespace = control_plane, new_namespace(control_plane, proof)
    damages: dict[str, Callable[[ControlPlane, str], bytes]] = {
        "a value with a flipped bit": _flipped_data,
        "a value with a flipped bit in its wrapped seed": _flipped_seed,
        "a truncated value": lambda plane, key: raw(plane, key).value[:-20],
    }
    neighbour = write_secret(plane, proof, namespace)
    damaged = {what: write_secret(plane, proof, namespace) for what in damages}
    try:
        for what, secret in damaged.items():
            plane.etcd.put(secret.key, damages[what](plane, secret.key))
        for what, secret in damaged.items():
            _prove_unreadable(proof, f"GET of {what}", plane.api.get_secret(namespace, secret.name), secret)
        prove_read(plane, proof, neighbour, "GET of their neighbour")
        _prove_list_reports(plane, proof, namespace, {secret.name for secret in damaged.values()})
        prove_live(plane, proof)
    finally:
        for secret in damaged.values():
            plane.etcd.delete(secret.key)
    _prove_list_recovers(plane, proof, namespace)


def _flipped_data(plane: ControlPlane, key: str) -> bytes:
    stored = sealed(plane, key)
    return encode(dataclasses.replace(stored, encrypted_data=_flip(stored.encrypted_data)))


def _flipped_seed(plane: ControlPlane, key: str) -> bytes:
    stored = sealed(plane, key)
    return encode(dataclasses.replace(stored, encrypted_dek_source=_flip(stored.encrypted_dek_source)))


def _flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _prove_unreadable(proof: ProofRecorder, what: str, reply: Reply, secret: Secret) -> None:
    told = reply.status == SERVER_ERROR and secret.value.decode() not in reply.text and bool(reply.body.get("reason"))
    proof.that(what, observed=str(reply), wanted="HTTP 500 with a reason", holds=told)


def _prove_list_reports(plane: ControlPlane, proof: ProofRecorder, namespace: str, damaged: set[str]) -> None:
    """LIST is served from memory until kube-apiserver's own watch meets the damage; then it says which object it is."""

    def fails() -> str | bool:
        reply = plane.api.get(f"/api/v1/namespaces/{namespace}/secrets")
        named = any(name in reply.text for name in damaged)
        return (reply.status == SERVER_ERROR and named and bool(reply.body.get("reason"))) or f"not yet: {reply}"

    reached(proof, "LIST answers 500 with a reason and names a damaged object", fails, timeout_s=_RELIST_TIMEOUT_S)


def _prove_list_recovers(plane: ControlPlane, proof: ProofRecorder, namespace: str) -> None:
    def answers() -> str | bool:
        reply = plane.api.get(f"/api/v1/namespaces/{namespace}/secrets")
        return reply.ok or f"not yet: {reply}"

    reached(proof, "LIST after their removal", answers, timeout_s=_RELIST_TIMEOUT_S)


@scenario(
    Scenario(
        id="D76",
        title="a plugin killed under write load is back on its socket, and no write is lost",
        level=Level.SHOULD,
        source="KEP-3299: writes use the cached seed; a plugin takes its socket over after a crash",
        subject=Subject.PLUGIN,
        plane=_PLANE,
        deadline_s=90,
        twin=Twin(breaks="plugin: refuses to start where a socket was left behind", reason="start after kill -9"),
    )
)
def scenario_killed_under_load(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """SIGKILL and restart while four writers work: no write fails, every object opens with etcd's bytes and Decrypt."""
    plane, namespace = control_plane, new_namespace(control_plane, proof)
    pid = server_pid(plane)
    with Writers(plane, namespace, _WRITERS) as load:
        _await_writes(load, proof, "before")
        plane.plugin.stop(kill=True)
        _await_writes(load, proof, "while the plugin is down")
        _start_again(plane, proof)
        plane.proxy.drop_connections()
        _await_writes(load, proof, "after")
    proof.that("failed writes", observed=[str(reply)[:200] for reply in load.failures], wanted=[])
    _prove_all_open(plane, proof, load.written)
    await_fresh_status(plane)
    health = plane.api.get(HEALTH)
    proof.that("kms-providers after a fresh Status", observed=str(health)[:300], wanted="HTTP 200", holds=health.ok)
    proof.that("process id of kube-apiserver", observed=server_pid(plane), wanted=pid)


def _start_again(plane: ControlPlane, proof: ProofRecorder) -> None:
    seen = "a Status"
    try:
        plane.plugin.start()
    except KmsE2EError as error:
        seen = str(error)
    proof.that("start after kill -9", observed=seen, wanted="a Status")


def _prove_all_open(plane: ControlPlane, proof: ProofRecorder, secrets: Sequence[Secret]) -> None:
    closed = [secret.name for secret in secrets if secret.value not in opened(plane, secret.key)]
    proof.that("objects that do not open to what was written", observed=closed, wanted=[])


def _await_writes(load: Writers, proof: ProofRecorder, when: str) -> None:
    """Let the writers end so many writes more; when they do not, that is the scenario's failure."""
    wanted = _ended(load) + _WRITES_A_PHASE
    what = f"{_WRITES_A_PHASE} writes end {when}"
    reached(proof, what, lambda: _ended(load) >= wanted, timeout_s=_PHASE_TIMEOUT_S, poll_s=0.05)


def _ended(load: Writers) -> int:
    return len(load.written) + len(load.failures)


@scenario(
    Scenario(
        id="D78",
        title="only the right to decrypt is lost",
        level=Level.INFO,
        source="kubernetes-sigs/aws-encryption-provider PR 139: health that tries Encrypt alone stays good",
        subject=Subject.KUBE_APISERVER,
        plane=_PLANE,
        deadline_s=120,
        twin=Twin(breaks="proxy: Decrypt is not refused", reason="GET with an unknown seed"),
    )
)
def scenario_decrypt_denied(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """Decrypt alone is refused: a GET that needs it is 500 and counted; known seeds and writes go on."""
    plane, namespace = control_plane, new_namespace(control_plane, proof)
    known = write_secret(plane, proof, namespace)
    plane.proxy.faults.set(Error("PERMISSION_DENIED", methods=("Decrypt",)))
    before = operations(plane, "Decrypt", code="PermissionDenied")
    unknown = put_with_new_seed(plane, known, f"{known.name}-unknown")
    reply = plane.api.get_secret(namespace, unknown.name)
    refused = reply.status == SERVER_ERROR and unknown.value.decode() not in reply.text
    proof.that("GET with an unknown seed", observed=str(reply)[:300], wanted="HTTP 500", holds=refused)

    def count() -> float:
        return operations(plane, "Decrypt", code="PermissionDenied")

    prove_counted(proof, "Decrypt calls counted as PermissionDenied", count, before)
    prove_read(plane, proof, known, "GET with a known seed")
    prove_read(plane, proof, write_secret(plane, proof, namespace), "GET of a new object")
    asked = count() - before
    proof.that("Decrypt calls of kube-apiserver meanwhile", observed=asked, wanted=">= 1 (reported)", holds=asked >= 1)
    plane.proxy.faults.clear()
    prove_read(plane, proof, unknown, "GET once Decrypt is allowed")


@scenario(
    Scenario(
        id="D79",
        title="a hundred reads of an unknown seed at once",
        level=Level.SHOULD,
        source="kubernetes/apiserver kmsv2/envelope.go: between cache and Decrypt nothing joins equal calls",
        subject=Subject.PLUGIN,
        plane=_PLANE,
        twin=Twin(breaks="proxy: Decrypt fails", reason="reads with the right value"),
    )
)
def scenario_stampede(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """A Decrypt of 0.25 s and 100 parallel GETs: every one has the value; the number of Decrypt calls is reported."""
    plane, namespace = control_plane, new_namespace(control_plane, proof)
    known = write_secret(plane, proof, namespace)
    plane.proxy.faults.set(Delay(_DECRYPT_DELAY_S, methods=("Decrypt",)))
    since = time.time()
    unknown, replies = _read_together(plane, known)
    wrong = [str(reply)[:300] for reply in replies if not reply.ok or value_of(reply) != unknown.value]
    seen = "; ".join((f"{len(replies) - len(wrong)} of {_READERS}", *sorted(set(wrong))[:_ANSWERS_SHOWN]))
    proof.that("reads with the right value", observed=seen, wanted=f"{_READERS} of {_READERS}", holds=not wrong)
    took_s = [call.duration_s for call in plane.proxy.calls if call.method == "Decrypt" and call.at >= since]
    proof.that("Decrypt calls for one seed", observed=len(took_s), wanted=">= 1 (reported)", holds=bool(took_s))
    proof.latency("Decrypt", took_s)
    prove_read(plane, proof, unknown, "GET after it")
    proof.that("Decrypt calls after it", observed=plane.proxy.count("Decrypt", since=since), wanted=len(took_s))


def _read_together(plane: ControlPlane, known: Secret) -> tuple[Secret, list[Reply]]:
    """Put a Secret of an unknown seed into etcd and read it at once, from threads that are connected already.

    A hundred TLS handshakes in the same moment would keep the machine from answering Decrypt in its timeout. The Secret
    comes when all are ready, since a watch of kube-apiserver itself has its seed unwrapped as soon as it is there.
    """
    unknown: list[Secret] = []
    ready = threading.Barrier(
        _READERS, action=lambda: unknown.append(put_with_new_seed(plane, known, f"{known.name}-unknown"))
    )

    def read() -> Reply:
        plane.api.get_secret(known.namespace, known.name)
        ready.wait()
        return plane.api.get_secret(unknown[0].namespace, unknown[0].name)

    replies = at_once([read] * _READERS, _READERS)
    return unknown[0], replies
