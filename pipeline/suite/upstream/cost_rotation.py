"""A rotation of the key up to the first write with it, against the same requests on a plain store."""

from __future__ import annotations

import time
from typing import Final

from pipeline.errors import ProcessError
from pipeline.harness.api import Reply, secret_key, secret_path
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.proxy import EditStatus
from pipeline.harness.proxy.faults import Fault
from pipeline.harness.storage import decode
from pipeline.harness.waiting import wait_until
from pipeline.suite.support import FRESH_STATUS_TIMEOUT_S, ROTATION_TIMEOUT_S, alive
from pipeline.suite.upstream.cost_samples import NAMESPACE, VALUE, Sample, Sides, Taken, calls_since, in_turn, succeeded

# A Status that is not ok is asked for again after 3 s, a good one after 20 s; the new seed is made in both cases
# (kubernetes/apiserver encryptionconfig/config.go, isKMSv2ProviderHealthyAndMaybeRotateDEK). It saves 17 s a sample.
_ASKED_AGAIN_SOON: Final = EditStatus(healthz="asked for again soon")
# Between two looks kube-apiserver's own poll, each minute, may see the rotation first.
_ATTEMPTS: Final = 3


def rotations(sides: Sides, faults: tuple[Fault, ...]) -> Taken:
    """Rotate by the author's hook before each sample of the encrypted side, with these faults before the plugin.

    A sample is the look at /readyz/kms-providers in which kube-apiserver sees the new keyID (Status) and has a new
    seed wrapped (Encrypt), and the first write after it, whose keyID is read from etcd's bytes. The plain side looks at
    /readyz/ping and writes.

    Raises: ProcessError when the write does not have the new keyID; InputError when the hook fails.
    """
    sides.kms.proxy.faults.set(*faults, _ASKED_AGAIN_SOON)

    def work(plane: ControlPlane) -> tuple[Sample]:
        return (_rotated(plane) if plane is sides.kms else _unrotated(plane),)

    (taken,) = in_turn(sides, work)
    return taken


def _unrotated(plane: ControlPlane) -> Sample:
    since, began = time.time(), time.perf_counter()
    succeeded(plane.api.get("/readyz/ping"))
    name = _write(plane)
    took_s = time.perf_counter() - began
    _delete(plane, name)
    return Sample(took_s, calls_since(plane, since))


def _rotated(plane: ControlPlane) -> Sample:
    for _ in range(_ATTEMPTS):
        key_id = _rotate(plane)
        since, look_s = _look_that_asks(plane)
        began = time.perf_counter()
        name = _write(plane)
        took_s = look_s + time.perf_counter() - began
        _assert_key_id(plane, name, key_id)
        _delete(plane, name)
        calls = calls_since(plane, since)
        if calls.encrypt:
            return Sample(took_s, calls)
    raise ProcessError(
        "no look at /readyz/kms-providers saw a rotation first", seen=f"{_ATTEMPTS} attempts", wanted="one Encrypt"
    )


def _rotate(plane: ControlPlane) -> str:
    """Rotate, and return the new keyID as the plugin itself says it, past the proxy."""
    before = plane.plugin.client.status().key_id
    plane.plugin.hook("rotate")

    def changed() -> str | None:
        now = plane.plugin.client.status().key_id
        return now if now != before else None

    return wait_until("Status.keyID changes with the rotation", changed, timeout_s=ROTATION_TIMEOUT_S)


def _look_that_asks(plane: ControlPlane) -> tuple[float, float]:
    """Look until kube-apiserver asks for a Status within the look; return when that look began and how long it took."""

    def look() -> tuple[float, float] | None:
        since, began = time.time(), time.perf_counter()
        _answered(plane.api.get("/readyz/kms-providers"))
        took_s = time.perf_counter() - began
        asked = any(call.method == "Status" and call.at >= since for call in reversed(plane.proxy.calls))
        return (since, took_s) if asked else None

    return wait_until("a fresh Status", look, timeout_s=FRESH_STATUS_TIMEOUT_S, alive=alive(plane))


def _answered(reply: Reply) -> None:
    """Let HTTP 500 pass, which tells of the Status that was edited."""
    if not reply.ok and reply.status != 500:  # noqa: PLR2004
        succeeded(reply)


def _write(plane: ControlPlane) -> str:
    name = f"write-{time.monotonic_ns()}"
    succeeded(plane.api.create_secret(NAMESPACE, name, VALUE))
    return name


def _delete(plane: ControlPlane, name: str) -> None:
    """Leave no object under this key, whose seed a later start would have to unwrap."""
    succeeded(plane.api.delete(secret_path(NAMESPACE, name)))


def _assert_key_id(plane: ControlPlane, name: str, key_id: str) -> None:
    value = plane.etcd.get(secret_key(NAMESPACE, name))
    seen = decode(value.value).key_id if value is not None else "no such key in etcd"
    if seen != key_id:
        raise ProcessError("the first write after a rotation has another keyID", seen=repr(seen), wanted=repr(key_id))
