"""F60 and F70: a cold start decrypts seeds, not objects; a stampede on cold caches is survived."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from typing import Final

from pipeline.core.result import KmsCall, Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions
from pipeline.harness.kube_apiserver import ApiServerOptions
from pipeline.harness.proxy import Delay
from pipeline.suite.lifecycle.objects import NO_WATCH_CACHE, new_dek_source, put_all, stored_secret
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import STARTING, assert_readable, unreadable
from pipeline.suite.support import Secret, new_namespace, reached
from pipeline.suite.threads import at_once

_OBJECTS: Final = 10_000
_SEEDS: Final = 24
# Two readers of storage that start at once (the watch cache and a first GET) may both miss; nothing joins equal calls.
_MOST_CALLS_A_SEED: Final = 2
# It has no divisor in common with the seeds, so that Secrets under each of them are read.
_SAMPLE: Final = 251
_LISTED_TIMEOUT_S: Final = 120.0
_READERS: Final = 100
_DECRYPT_S: Final = 0.5
_STAMPEDE_TIMEOUT_S: Final = 20.0
_ANSWER_TIMEOUT_S: Final = 60.0
_RETRY_S: Final = 0.1
_AT_ONCE: Final = 50
_SHOWN: Final = 3

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


@scenario(
    Scenario(
        id="F70",
        title="a hundred readers that meet cold caches are all answered, and the plugin lives on",
        level=Level.SHOULD,
        source="kubernetes/apiserver kmsv2/envelope.go: nothing joins equal Decrypts between cache miss and answer",
        subject=Subject.PLUGIN,
        deadline_s=240.0,
        fast=False,
        twin=Twin(breaks="proxy: every fifth Decrypt fails", reason="Secrets read back by 100 at once"),
    )
)
def scenario_stampede(make_control_plane: MakeControlPlane, proof: ProofRecorder) -> None:
    """kube-apiserver restarts over 100 Secrets with a seed each, while 100 threads ask for them until it answers.

    Secrets have no watch cache here, so that every read of a cold seed goes to the plugin. The proxy makes each Decrypt
    0.5 s slower, so that many wait at once; it counts Decrypts and how many overlap. Then a hundred more Secrets, all
    under one other seed, are asked for at once, and how often it is unwrapped is reported.
    """
    api_server = ApiServerOptions(flags=NO_WATCH_CACHE)
    plane = make_control_plane(ControlPlaneOptions(kms_timeout_s=_STAMPEDE_TIMEOUT_S, api_server=api_server))
    namespace, process = new_namespace(plane, proof), plane.plugin.process
    secrets = _new_secrets(namespace, "at-once")
    put_all(plane, ((item.key, stored_secret(plane, item, new_dek_source(plane))) for item in secrets))
    plane.server.stop()
    plane.proxy.faults.set(Delay(methods=("Decrypt",), delay_s=_DECRYPT_S))
    since = time.time()
    plane.server.start()
    answers = at_once([partial(_await_answer, plane, secret) for secret in secrets], _READERS)
    problems = [line for line in answers if line]
    calls = [call for call in plane.proxy.calls if call.method == "Decrypt" and call.at >= since]
    overlapping = _most_at_once(calls)
    proof.that(f"Secrets read back by {_READERS} at once: not readable", observed=problems[:_SHOWN], wanted=[])
    proof.that(
        "Decrypts under way at once",
        observed=f"{overlapping} of {len(calls)} in all, {_READERS} seeds",
        wanted=f"{_AT_ONCE} at least",
        holds=overlapping >= _AT_ONCE,
    )
    proof.latency("Decrypt", [call.duration_s for call in calls])
    _prove_one_seed(plane, proof, namespace)
    same = plane.plugin.process is process and process is not None and process.exit_code is None
    proof.that("the plugin's process", observed="the same" if same else "another", wanted="the same")


def _prove_one_seed(plane: ControlPlane, proof: ProofRecorder, namespace: str) -> None:
    """Nothing joins equal Decrypts, so one cold seed may be unwrapped as often as it is asked for."""
    secrets, seed = _new_secrets(namespace, "one-seed"), new_dek_source(plane)
    put_all(plane, ((item.key, stored_secret(plane, item, seed)) for item in secrets))
    since = time.time()
    answers = at_once([partial(_await_answer, plane, secret) for secret in secrets], _READERS)
    problems = [line for line in answers if line]
    proof.that(f"{_READERS} Secrets under one seed: not readable", observed=problems[:_SHOWN], wanted=[])
    calls = plane.proxy.count("Decrypt", since=since)
    holds = 1 <= calls <= _READERS
    proof.that("Decrypts of this seed", observed=calls, wanted=f"1 to {_READERS}", holds=holds)


def _new_secrets(namespace: str, prefix: str) -> list[Secret]:
    return [Secret(namespace, f"{prefix}-{number:03}", os.urandom(12).hex().encode()) for number in range(_READERS)]


def _await_answer(plane: ControlPlane, secret: Secret) -> str:
    """GET a Secret until kube-apiserver has started to answer; return what is wrong with the answer, if anything."""
    until = time.monotonic() + _ANSWER_TIMEOUT_S
    while plane.api.get(secret.path).status in STARTING and time.monotonic() < until:
        time.sleep(_RETRY_S)
    return next(unreadable(plane.api, [secret]), "")


def _most_at_once(calls: Sequence[KmsCall]) -> int:
    """Return the largest number of calls under way at a moment."""
    moments = sorted([(call.at, 1) for call in calls] + [(call.at + call.duration_s, -1) for call in calls])
    return max(accumulate(step for _, step in moments), default=0)
