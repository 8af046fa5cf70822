"""F73, of the soak tier: five minutes in which the plugin may not use its key."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.api import Reply
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions
from pipeline.harness.kube_apiserver import ApiServerOptions
from pipeline.harness.proxy import Error
from pipeline.suite.lifecycle.objects import NO_WATCH_CACHE, new_dek_source, put_all, stored_secret
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import assert_readable
from pipeline.suite.support import OK, Secret, alive, new_namespace, reached, write_secret

DENIED_S: float = 300.0
_DENIED: Final = "PERMISSION_DENIED"
_LOOK_S: Final = 5.0
# kmsv2PluginWriteDEKSourceMaxTTL of kube-apiserver, and what a busy machine may take for a write.
_WRITE_LIFETIME_S: Final = 180.0
_SLACK_S: Final = 15.0
_BACK_TIMEOUT_S: Final = 90.0
_SERVER_ERROR: Final = 500

MakeControlPlane = Callable[[ControlPlaneOptions], ControlPlane]


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen `at_s` seconds into the outage, which is when it was begun."""

    at_s: float
    livez: Reply
    cached: Reply
    cold: Reply
    write: Reply


@scenario(
    Scenario(
        id="F73",
        title="five minutes of denied permissions leave kube-apiserver's process alive, live and reading",
        level=Level.MUST,
        source="KEP-3299: kms-providers is in /readyz and not in /livez; kubernetes issue 93968 (restarts)",
        subject=Subject.KUBE_APISERVER,
        deadline_s=900.0,
        fast=False,
        soak=True,
        twin=Twin(breaks="kube-apiserver: killed in the outage", reason="process of kube-apiserver .*exit code -9"),
    )
)
def scenario_denied(make_control_plane: MakeControlPlane, proof: ProofRecorder) -> None:
    """PERMISSION_DENIED for every call; /livez, GETs, a write and the process every five seconds.

    A cached seed is read all the time; a Secret under a seed that kube-apiserver has never unwrapped is not, and no
    value comes with the refusal. Writes are refused when their lifetime of three minutes is over. At last both come
    back. Encrypt is not asked for: kube-apiserver keeps its seed as long as Status names the same key (seen on 1.37.2,
    and in its envelope package for KMS v2). Secrets have no watch cache here, or it would have unwrapped the cold seed.
    """
    plane = make_control_plane(ControlPlaneOptions(api_server=ApiServerOptions(flags=NO_WATCH_CACHE)))
    namespace = new_namespace(plane, proof)
    cached, cold = write_secret(plane, proof, namespace), Secret(namespace, "cold", os.urandom(24).hex().encode())
    process = _process(plane)
    plane.proxy.faults.set(Error(_DENIED))
    # Not before: a watch of kube-apiserver itself decrypts what comes into etcd, and its seed is cached then.
    put_all(plane, [(cold.key, stored_secret(plane, cold, new_dek_source(plane)))])
    looks = _look_for_minutes(plane, proof, cached, cold)
    _prove_denied(plane, proof, "Status", "Decrypt")
    _prove_reads(proof, looks, cold)
    _prove_refused(proof, looks)
    plane.proxy.faults.clear()

    def written() -> bool:
        return plane.api.create_secret(namespace, "after", {"value": b"after"}).ok

    reached(proof, "writes come back", written, timeout_s=_BACK_TIMEOUT_S, poll_s=1.0, alive=alive(plane))
    assert_readable(plane.api, proof, [cached, cold], "after the outage")
    proof.that("process of kube-apiserver at the end", observed=_process(plane), wanted=process)


def _look_for_minutes(plane: ControlPlane, proof: ProofRecorder, cached: Secret, cold: Secret) -> list[_Look]:
    looks, began, process = list[_Look](), time.monotonic(), _process(plane)
    while (at_s := time.monotonic() - began) < DENIED_S:
        seen = (plane.api.get("/livez"), plane.api.get(cached.path), plane.api.get(cold.path))
        write = plane.api.create_secret(cached.namespace, f"in-outage-{len(looks)}", {"value": b"in the outage"})
        looks.append(_Look(at_s, *seen, write))
        if (now := _process(plane)) != process:
            when = f"{at_s:.0f} s into the outage"
            proof.that(f"process of kube-apiserver {when}", observed=now, wanted=process)
        time.sleep(_LOOK_S)
    return looks


def _process(plane: ControlPlane) -> str:
    """Return which process it is, or how it ended."""
    process = plane.server.process
    if process is None:
        return "none"
    return f"process {process.pid}" if process.exit_code is None else f"exit code {process.exit_code}"


def _prove_denied(plane: ControlPlane, proof: ProofRecorder, *methods: str) -> None:
    for method in methods:
        denied = plane.proxy.count(method, code=_DENIED)
        proof.that(f"{method} calls that were denied", observed=denied, wanted="> 0", holds=denied > 0)


def _prove_reads(proof: ProofRecorder, looks: Sequence[_Look], cold: Secret) -> None:
    proof.that("HTTP codes of /livez", observed=sorted({look.livez.status for look in looks}), wanted=[OK])
    cached = sorted({look.cached.status for look in looks})
    proof.that("HTTP codes of GETs under a cached seed", observed=cached, wanted=[OK])
    codes = sorted({look.cold.status for look in looks})
    proof.that("HTTP codes of GETs under a cold seed", observed=codes, wanted=[_SERVER_ERROR])
    value = base64.b64encode(cold.value).decode()  # as JSON has it
    shown = [f"{look.at_s:.0f} s" for look in looks if value in look.cold.text]
    proof.that("answers of these with the value", observed=shown, wanted=[])


def _prove_refused(proof: ProofRecorder, looks: Sequence[_Look]) -> None:
    """A write lifetime begins with the last good Status, which was before the outage."""
    expired = [look for look in looks if look.at_s > _WRITE_LIFETIME_S + _SLACK_S]
    codes = sorted({look.write.status for look in expired})
    proof.that(f"HTTP codes of {len(expired)} writes after the write lifetime", observed=codes, wanted=[_SERVER_ERROR])
    first = next((f"{look.at_s:.0f} s into the outage" for look in looks if not look.write.ok), "none")
    proof.that("first write refused (reported)", observed=first, wanted="reported", holds=True)
