"""kube-apiserver's start, and the first read of Secrets after it, when no seed of theirs has been unwrapped yet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pipeline.errors import ProcessError
from pipeline.harness.api import secret_key
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.storage import decode
from pipeline.harness.waiting import wait_until
from pipeline.suite.upstream.cost_samples import NAMESPACE, VALUE, Sample, Sides, Taken, in_turn, sample_of, succeeded

SEEDS: Final = 8
STORED: Final = 400
_WRITERS: Final = 4
_PREFIX: Final = "stored-"
_READ_TIMEOUT_S: Final = 60.0
_STORED_NAMESPACE: Final = f"{NAMESPACE}-stored"
_SECRETS: Final = f"/api/v1/namespaces/{_STORED_NAMESPACE}/secrets"


def fill(sides: Sides) -> None:
    """Store `STORED` Secrets on each side, the encrypted ones under `SEEDS` seeds: one a start.

    Raises: ProcessError when what etcd holds has another number of seeds.
    """
    for plane in sides.each():
        succeeded(plane.api.create_namespace(_STORED_NAMESPACE))
        for part in range(SEEDS):
            if plane is sides.kms:
                plane.server.stop(kill=True)
                _start(plane)
            _write(plane, range(part, STORED, SEEDS))
    stored = list(sides.kms.etcd.prefix(secret_key(_STORED_NAMESPACE, "")))
    seeds = {decode(value.value).encrypted_dek_source for value in stored}
    if (len(stored), len(seeds)) != (STORED, SEEDS):
        raise ProcessError(
            "the stored Secrets are not what a cold read is measured on",
            seen=f"{len(stored)} Secrets under {len(seeds)} seeds",
            wanted=f"{STORED} under {SEEDS}",
        )


def _write(plane: ControlPlane, numbers: range) -> None:
    with ThreadPoolExecutor(_WRITERS) as pool:
        names = [f"{_PREFIX}{number}" for number in numbers]
        for reply in pool.map(lambda name: plane.api.create_secret(_STORED_NAMESPACE, name, VALUE), names):
            succeeded(reply)


def cold_starts(sides: Sides) -> tuple[Taken, ...]:
    """Restart kube-apiserver and list all Secrets at once; return the starts and the reads.

    Raises: ProcessError when a read on the encrypted side asked the plugin for nothing, so that it was not cold.
    """

    def work(plane: ControlPlane) -> tuple[Sample, Sample]:
        plane.server.stop(kill=True)  # an orderly end takes 1.2 s on both sides, which is no part of a start
        started = sample_of(plane, lambda: _start(plane))
        read = sample_of(plane, lambda: _read_all(plane))
        if plane is sides.kms and not read.calls.decrypt:
            raise ProcessError("a cold read asked the plugin for nothing", seen=str(read.calls), wanted="a Decrypt")
        return started, read

    return in_turn(sides, work)


def _start(plane: ControlPlane) -> None:
    plane.server.start()
    plane.server.wait_ready()


def _read_all(plane: ControlPlane) -> None:
    """List until it succeeds: each list that meets a refused Decrypt fails, and the next one needs fewer."""

    def listed() -> str | bool:
        reply = plane.api.get(f"{_SECRETS}?limit={2 * STORED}")
        if not reply.ok:
            return f"not yet: {reply}"
        items = reply.body.get("items")
        count = len(items) if isinstance(items, list) else 0
        return count == STORED or f"not yet: {count} Secrets"

    wait_until(f"a list of {STORED} Secrets", listed, timeout_s=_READ_TIMEOUT_S)
