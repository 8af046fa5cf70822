"""D71: a plugin that is slow, silent or speaks nonsense, seen by health and metrics while writes and reads go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions, Equipment
from pipeline.harness.proxy import Delay, Fault, HalfOpen, Hang, RawReply, WireGarbage
from pipeline.suite.failure.sides import Side, Sides
from pipeline.suite.failure.steps import HEALTH, await_ready, operations, prove_live
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.support import CREATED, new_namespace, reached

_TIMEOUT_S: Final = 3.0
# These never answer, so a shorter timeout shows the same and sooner.
_SHORT_S: Final = 1.0
_FAULTS: Final[dict[str, tuple[Fault, str]]] = {
    "slow": (Delay(3.5), "DeadlineExceeded"),
    "hanging": (Hang(), "DeadlineExceeded"),
    "half-open": (HalfOpen(), "DeadlineExceeded"),
    "no-http": (WireGarbage(), "DeadlineExceeded"),
    "no-message": (RawReply(), "Internal"),
}
_ALMOST: Final = "almost-slow"
# Half a second from the timeout on both sides: a busy machine takes longer than the delay says.
_ALMOST_S: Final = 2.5
# One look at health asks one provider after another, so it takes their timeouts' sum; the first within 20 s says "ok".
_SEEN_TIMEOUT_S: Final = 120.0
_RECOVERY_TIMEOUT_S: Final = 45.0


@pytest.fixture
def sides(scenario_equipment: Equipment, plane_name: str) -> Iterator[Sides]:
    """Return the configuration with a provider for each fault."""
    short = dict.fromkeys(("hanging", "half-open", "no-http"), _SHORT_S)
    sides = Sides((*_FAULTS, _ALMOST), plane=plane_name, evidence=scenario_equipment.evidence, timeouts_s=short)
    yield sides
    sides.close()


@scenario(
    Scenario(
        id="D71",
        title="a slow, silent or garbled plugin is seen, and costs API users nothing",
        level=Level.MUST,
        source="kubernetes/apiserver kmsv2/grpc_service.go: callTimeout; KEP-3299: no plugin call per write",
        subject=Subject.KUBE_APISERVER,
        deadline_s=330,
        fast=False,
        waits=True,
        twin=Twin(breaks="proxy: one of the faults is missing", reason="kube-apiserver counts a failure of each"),
    )
)
def scenario_transport(
    sides: Sides, make_control_plane: Callable[[ControlPlaneOptions], ControlPlane], proof: ProofRecorder
) -> None:
    """3.5 s at a timeout of 3 s, no answer, half-open, no HTTP/2, no message: metric by gRPC status; 2.5 s is taken."""
    plane = make_control_plane(ControlPlaneOptions(configure=sides, kms_timeout_s=_TIMEOUT_S))
    namespace = new_namespace(plane, proof)
    known = {side.name: _create(plane, proof, side, namespace) for side in sides.sides.values()}
    for name, (fault, _) in _FAULTS.items():
        sides.sides[name].proxy.faults.set(fault)
    sides.sides[_ALMOST].proxy.faults.set(Delay(_ALMOST_S))
    since = time.time()
    _prove_seen(plane, proof, sides, since)
    _prove_unaffected(plane, proof, sides, namespace, known)
    prove_live(plane, proof)
    sides.heal()
    await_ready(plane, proof, _RECOVERY_TIMEOUT_S)


def _prove_seen(plane: ControlPlane, proof: ProofRecorder, sides: Sides, since: float) -> None:
    codes = {name: code for name, (_, code) in _FAULTS.items()}

    def seen() -> str | bool:
        reply = plane.api.get(HEALTH)
        counts = {name: operations(plane, "Status", code=code, provider=name) for name, code in codes.items()}
        unnamed = [name for name in codes if f"kms-provider-{sides.sides[name].index}: " not in reply.text]
        missing = [name for name, count in counts.items() if not count]
        return not (missing or unnamed) or f"not yet: not counted {missing}, not named by health {unnamed}; {reply}"

    reached(proof, "kube-apiserver counts a failure of each, and names each", seen, timeout_s=_SEEN_TIMEOUT_S)
    proxy = sides.sides[_ALMOST].proxy

    def taken() -> bool:
        plane.api.get(HEALTH)
        return any(call.at >= since and call.code == "OK" and call.duration_s >= _ALMOST_S for call in proxy.calls)

    reached(proof, f"a Status that takes {_ALMOST_S} s is taken", taken, timeout_s=_SEEN_TIMEOUT_S)


def _prove_unaffected(
    plane: ControlPlane, proof: ProofRecorder, sides: Sides, namespace: str, known: dict[str, str]
) -> None:
    """Write and read on every side; none needs a call to the plugin, so none waits for it."""
    since, begun = time.time(), time.monotonic()
    for side in sides.sides.values():
        _create(plane, proof, side, namespace)
        read = side.read(plane, namespace, known[side.name])
        proof.that(f"GET {side.resource}", observed=f"HTTP {read.status}", wanted="HTTP 200", holds=read.ok)
    took_s = time.monotonic() - begun
    calls = [call for side in sides.sides.values() for call in side.proxy.calls if call.at >= since]
    needed = [call.method for call in calls if call.method != "Status"]
    proof.that(
        f"Encrypt and Decrypt calls for {len(known)} writes and reads in {took_s:.2f} s", observed=needed, wanted=[]
    )


def _create(plane: ControlPlane, proof: ProofRecorder, side: Side, namespace: str) -> str:
    name, reply = side.create(plane, namespace)
    if reply.status != CREATED:
        proof.that(f"write {side.resource}", observed=str(reply)[:300], wanted="HTTP 201", holds=False)
    return name
