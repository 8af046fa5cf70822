"""What scenarios on a control plane do again and again: write, rewrite, read raw, wait for a fresh Status."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.errors import DeadlineError
from pipeline.harness.api import secret_key, secret_path
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.etcd import EtcdValue
from pipeline.harness.kms import EncryptReply, KmsCallError
from pipeline.harness.plugin import Plugin
from pipeline.harness.storage import EncryptedObject, StorageError, decode, read_value
from pipeline.harness.waiting import Mortal, wait_until
from pipeline.suite.scenario import ProofRecorder, ScenarioFailed

SECRETS_PREFIX: Final = "/registry/secrets/"
CREATED: Final = 201
OK: Final = 200
# Status polls are 60 s apart; a look at /readyz/kms-providers runs the same check when the last good one is
# older than 20 s (kubernetes/apiserver encryptionconfig/config.go). Slack for a loaded machine on top.
FRESH_STATUS_TIMEOUT_S: Final = 45.0
# How long a rotation by the author's hook may take until the plugin's Status shows it. No text of Kubernetes has a
# limit, and a plugin may look at its backend only now and then.
ROTATION_TIMEOUT_S: Final = 30.0
_CANARY_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Secret:
    """A Secret that a scenario wrote, with the value that must never stand in etcd as it is."""

    namespace: str
    name: str
    value: bytes

    @property
    def path(self) -> str:
        """Return its API path."""
        return secret_path(self.namespace, self.name)

    @property
    def key(self) -> str:
        """Return its etcd key."""
        return secret_key(self.namespace, self.name)


def new_namespace(plane: ControlPlane, proof: ProofRecorder) -> str:
    """Create a namespace of the scenario's own."""
    name = f"kms-{uuid.uuid4().hex[:12]}"
    reply = plane.api.create_namespace(name)
    proof.that("create a namespace", observed=str(reply), wanted="HTTP 201", holds=reply.status == CREATED)
    return name


def write_secret(plane: ControlPlane, proof: ProofRecorder, namespace: str, name: str = "") -> Secret:
    """Create a Secret with a random printable value."""
    secret = Secret(namespace, name or f"s-{uuid.uuid4().hex[:8]}", os.urandom(_CANARY_BYTES).hex().encode())
    reply = plane.api.create_secret(namespace, secret.name, {"value": secret.value})
    if reply.status != CREATED:
        proof.that("create a Secret", observed=str(reply), wanted="HTTP 201", holds=False)
    return secret


def write_secrets(plane: ControlPlane, proof: ProofRecorder, namespace: str, count: int) -> list[Secret]:
    """Create `count` Secrets, one after another."""
    secrets = [write_secret(plane, proof, namespace) for _ in range(count)]
    proof.that("Secrets created", observed=len(secrets), wanted=count)
    return secrets


def rewrite(plane: ControlPlane, proof: ProofRecorder, path: str) -> tuple[str, str]:
    """PUT an object as it was read and return its resourceVersion before and after."""
    before = plane.api.get(path)
    proof.that("read before the update", observed=str(before)[:120], wanted="HTTP 200", holds=before.status == OK)
    after = plane.api.update(path, before.body)
    proof.that("update without a change", observed=str(after)[:120], wanted="HTTP 200", holds=after.status == OK)
    return before.resource_version, after.resource_version


def raw(plane: ControlPlane, key: str) -> EtcdValue:
    """Return the raw value of a key that must be there.

    Raises: ScenarioFailed when etcd has no such key.
    """
    value = plane.etcd.get(key)
    if value is None:
        msg = f"etcd has no key {key}"
        raise ScenarioFailed(msg)
    return value


def sealed(plane: ControlPlane, key: str) -> EncryptedObject:
    """Decode the raw value of a key that must be encrypted by the plugin.

    Raises: ScenarioFailed when it is not.
    """
    return decoded(raw(plane, key))


def decoded(value: EtcdValue) -> EncryptedObject:
    """Decode a raw value.

    Raises: ScenarioFailed when it was not written by a KMS v2 provider or breaks the format.
    """
    try:
        return decode(value.value)
    except StorageError as error:
        msg = f"{value.key} is not a KMS v2 value: {error}"
        raise ScenarioFailed(msg) from error


def opened(plane: ControlPlane, key: str) -> bytes:
    """Return the plaintext of a raw value, opened without kube-apiserver: only etcd's bytes and the plugin's Decrypt.

    Raises: ScenarioFailed when it does not open.
    """
    try:
        return read_value(raw(plane, key).value, key.encode(), plane.plugin.client)
    except (StorageError, KmsCallError) as error:
        msg = f"{key} does not open: {error}"
        raise ScenarioFailed(msg) from error


def unwrapped(plugin: Plugin, wrapped: EncryptReply) -> bytes:
    """Let the plugin decrypt what it must still be able to decrypt.

    Raises: ScenarioFailed when it refuses.
    """
    try:
        return plugin.client.decrypt(wrapped)
    except KmsCallError as error:
        msg = f"the plugin does not decrypt what it encrypted under keyID {wrapped.key_id!r}: {error}"
        raise ScenarioFailed(msg) from error


def under(plane: ControlPlane, prefix: str = SECRETS_PREFIX) -> Iterator[EtcdValue]:
    """Iterate over every raw value below a prefix of etcd."""
    return plane.etcd.prefix(prefix)


def await_fresh_status(plane: ControlPlane) -> None:
    """Wait until kube-apiserver has asked the plugin for a Status again, after now.

    Raises: DeadlineError when it does not within 45 s.
    """
    since = time.time()

    def asked() -> bool:
        plane.api.get("/readyz/kms-providers")
        return any(call.method == "Status" and call.at >= since for call in reversed(plane.proxy.calls))

    wait_until("a fresh Status", asked, timeout_s=FRESH_STATUS_TIMEOUT_S, poll_s=0.25, alive=alive(plane))


def await_key_id(plane: ControlPlane, proof: ProofRecorder, key_id: str, timeout_s: float) -> None:
    """Wait until kube-apiserver writes with `key_id`, seen in etcd's bytes of freshly created Secrets."""
    namespace = new_namespace(plane, proof)

    def used() -> str | bool:
        plane.api.get("/readyz/kms-providers")
        seen = sealed(plane, write_secret(plane, proof, namespace).key).key_id
        return seen == key_id or f"not yet: new objects have keyID {seen!r}"

    what = f"new objects have keyID {key_id!r}"
    reached(proof, what, used, timeout_s=timeout_s, poll_s=0.5, alive=alive(plane))


def rotate(plane: ControlPlane, proof: ProofRecorder) -> str:
    """Rotate the key-encryption key by the author's hook and return the new keyID that Status reports."""
    before = plane.plugin.client.status().key_id
    plane.plugin.hook("rotate")

    def changed() -> bool:
        return plane.plugin.client.status().key_id != before

    reached(proof, "Status.keyID changes with the rotation", changed, timeout_s=ROTATION_TIMEOUT_S)
    return plane.plugin.client.status().key_id


def reached(
    proof: ProofRecorder,
    what: str,
    check: Callable[[], str | bool],
    *,
    timeout_s: float,
    poll_s: float = 0.25,
    alive: Sequence[Mortal] = (),
) -> None:
    """Wait for a state that the scenario demands; when it is not reached, that is the scenario's failure.

    `check` returns True, or False, or a text "not yet: …" with what it saw.
    """
    started = time.monotonic()
    try:
        wait_until(what, check, timeout_s=timeout_s, poll_s=poll_s, alive=alive)
    except DeadlineError as error:
        proof.that(what, observed=error.seen or "not reached", wanted=error.wanted or "", holds=False)
    proof.that(what, observed=f"after {time.monotonic() - started:.1f} s", wanted=f"within {timeout_s:g} s", holds=True)


def alive(plane: ControlPlane) -> list[Mortal]:
    """Return the processes whose death ends a wait."""
    return [process for process in (plane.server.process, plane.plugin.process) if process is not None]
