"""F60: a cold start with ten thousand Secrets decrypts seeds, not objects."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions
from pipeline.suite.lifecycle.objects import new_dek_source, put_all, stored_secret
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import assert_readable
from pipeline.suite.support import Secret, new_namespace, reached

_OBJECTS: Final = 10_000
_SEEDS: Final = 24
# Two readers of storage that start at once (the watch cache and a first GET) may both miss; nothing joins equal calls.
_MOST_CALLS_A_SEED: Final = 2
_SAMPLE: Final = 250
_LISTED_TIMEOUT_S: Final = 120.0

MakeControlPlane = Callable[[ControlPlaneOptions], ControlPlane]


@scenario(
    Scenario(
        id="F60",
        title="a cold start with 10,000 Secrets under 24 seeds decrypts seeds, not objects",
        level=Level.MUST,
        source="KEP-3299: Decrypt is called once for each distinct DEK seed (cache of seeds in kmsv2/envelope.go)",
        subject=Subject.KUBE_APISERVER,
        deadline_s=400.0,
        alone=True,
        fast=False,
        twin=Twin(
            breaks="storage: 500 of the objects have their seed wrapped once more", reason="Decrypt calls of a cold"
        ),
    )
)
def scenario_cold_start(make_control_plane: MakeControlPlane, proof: ProofRecorder) -> None:
    """kube-apiserver restarts over 10,000 Secrets; the proxy counts Decrypts: at least one a seed, at most two."""
    plane = make_control_plane(ControlPlaneOptions())
    namespace = new_namespace(plane, proof)
    seeds = [new_dek_source(plane) for _ in range(_SEEDS)]
    secrets = [Secret(namespace, f"cold-{number:05}", os.urandom(12).hex().encode()) for number in range(_OBJECTS)]
    put_all(plane, ((item.key, stored_secret(plane, item, seeds[at % _SEEDS])) for at, item in enumerate(secrets)))
    plane.server.stop()
    since, started = time.time(), time.monotonic()
    plane.server.start()
    plane.server.wait_ready()
    reached(proof, "every Secret is listed", lambda: _listed(plane, namespace), timeout_s=_LISTED_TIMEOUT_S)
    ready_s = time.monotonic() - started
    calls = plane.proxy.count("Decrypt", since=since)
    proof.that(
        f"Decrypt calls of a cold start ({ready_s:.1f} s until every object was served)",
        observed=calls,
        wanted=f"{_SEEDS} to {_MOST_CALLS_A_SEED * _SEEDS}",
        holds=_SEEDS <= calls <= _MOST_CALLS_A_SEED * _SEEDS,
    )
    assert_readable(plane.api, proof, secrets[::_SAMPLE], "after the cold start")
    proof.latency("Decrypt", [call.duration_s for call in plane.proxy.calls if call.method == "Decrypt"])


def _listed(plane: ControlPlane, namespace: str) -> str | bool:
    """Look through the watch cache, which has decrypted every object by then (resourceVersion 0)."""
    reply = plane.api.get(f"/api/v1/namespaces/{namespace}/secrets?resourceVersion=0")
    items = reply.body.get("items") if reply.ok else None
    count = len(items) if isinstance(items, list) else 0
    return count == _OBJECTS or f"not yet: {count} of {_OBJECTS}, HTTP {reply.status}"
