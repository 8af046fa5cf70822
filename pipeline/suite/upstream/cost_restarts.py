"""kube-apiserver's start, and a first read after it of what it has not unwrapped a seed of yet."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pipeline.errors import ProcessError
from pipeline.harness.api import Reply
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.storage import decode
from pipeline.harness.waiting import wait_until
from pipeline.suite.upstream.cost_samples import NAMESPACE, VALUE, Sample, Sides, Taken, in_turn, sample_of, succeeded

SEEDS: Final = 6
STORED: Final = 300
_WRITERS: Final = 4
_READ_TIMEOUT_S: Final = 60.0
_NAMESPACE: Final = f"{NAMESPACE}-stored"
# kube-apiserver's own informers list all Secrets before it is ready, so their seeds belong to its start. Nothing in it
# lists the ConfigMaps of a namespace, so theirs are left for a read.
_OF_A_START: Final = "secrets"
_OF_A_READ: Final = "configmaps"
_KINDS: Final = {
    _OF_A_START: {"kind": "Secret", "data": {"value": base64.b64encode(VALUE["value"]).decode()}},
    _OF_A_READ: {"kind": "ConfigMap", "data": {"value": "0" * len(VALUE["value"])}},
}


def fill(sides: Sides) -> None:
    """Store Secrets and ConfigMaps on each side, `STORED` of each; on the encrypted one each kind has `SEEDS` seeds.

    kube-apiserver makes a seed when it starts, so it is started for each of them.

    Raises: ProcessError when what etcd holds has another number of seeds.
    """
    for plane in sides.each():
        succeeded(plane.api.create_namespace(_NAMESPACE))
        for resource in _KINDS:
            for part in range(SEEDS):
                if plane is sides.kms:
                    plane.server.stop(kill=True)
                    _start(plane)
                _write(plane, resource, range(part, STORED, SEEDS))
    for resource in _KINDS:
        _assert_stored(sides.kms, resource)


def _assert_stored(plane: ControlPlane, resource: str) -> None:
    stored = list(plane.etcd.prefix(f"/registry/{resource}/{_NAMESPACE}/"))
    seeds = {decode(value.value).encrypted_dek_source for value in stored}
    if (len(stored), len(seeds)) != (STORED, SEEDS):
        raise ProcessError(
            "what is stored is not what a cold start is measured on",
            seen=f"{len(stored)} {resource} under {len(seeds)} seeds",
            wanted=f"{STORED} under {SEEDS}",
        )


def _write(plane: ControlPlane, resource: str, numbers: range) -> None:
    def create(number: int) -> Reply:
        document = {"apiVersion": "v1", "metadata": {"name": f"stored-{number}"}, **_KINDS[resource]}
        return plane.api.request("POST", _collection(resource), document)

    with ThreadPoolExecutor(_WRITERS) as pool:
        for reply in pool.map(create, numbers):
            succeeded(reply)


def _collection(resource: str) -> str:
    return f"/api/v1/namespaces/{_NAMESPACE}/{resource}"


def cold_starts(sides: Sides) -> tuple[Taken, ...]:
    """Restart kube-apiserver and list all ConfigMaps at once; return the starts and the reads.

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
        reply = plane.api.get(f"{_collection(_OF_A_READ)}?limit={2 * STORED}")
        if not reply.ok:
            return f"not yet: {reply}"
        items = reply.body.get("items")
        count = len(items) if isinstance(items, list) else 0
        return count == STORED or f"not yet: {count} ConfigMaps"

    wait_until(f"a list of {STORED} ConfigMaps", listed, timeout_s=_READ_TIMEOUT_S)
