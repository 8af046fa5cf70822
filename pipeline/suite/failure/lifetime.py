"""What the scenarios of the long outage prove: when writes end, that nobody hurries the polls, how writes come back."""

from __future__ import annotations

import itertools
import re
import time
from datetime import datetime
from typing import Final

from pipeline.harness.control_plane import ControlPlane
from pipeline.suite.failure.outage import WATCHED_AFTER_S, WRITE_LIFETIME_S, Outage
from pipeline.suite.known import (
    UNHEALTHY_STATUS_EXTENDS_WRITES,
    WRITES_GO_ON,
    WRITES_STOP,
    kubernetes_minor,
    prove,
)
from pipeline.suite.scenario import ProofRecorder
from pipeline.suite.support import CREATED, rewrite

_EXPIRED: Final = re.compile(r"expired at (\S+) \(current time is")
# The text has whole seconds; the rest is slack for a loaded machine between a reply and kube-apiserver's clock.
_TEXT_SLACK_S: Final = 5.0
_SEEN_SLACK_S: Final = 10.0
# A Status after the outage began comes within the poll of 60 s.
_TOLD_TIMEOUT_S: Final = 75.0
# Polled each 10 s while unhealthy; a look at /readyz would make it 3 s.
_LEAST_INTERVAL_S: Final = 5.0
_RECOVERY_S: Final = 10.0
_RECOVERY_SLACK_S: Final = 5.0


def prove_end(outage: Outage, proof: ProofRecorder, name: str) -> None:
    """Prove that the first failed write comes when the lifetime is over, says so, and that none succeeds after it."""
    end, failed = outage.end_of_lifetime(name), outage.failed_writes(name)
    if not failed:
        good = sum(call.code == "OK" for call in outage.calls(name, "Status"))
        seen = f"none failed; {good} Status calls since the outage began were answered well"
        proof.that("writes after the lifetime", observed=seen, wanted="HTTP 500: ... expired at ...", holds=False)
    text = failed[0].write.text
    found = _EXPIRED.search(text)
    named = "expired at" in text and found is not None
    proof.that(
        "first failed write", observed=str(failed[0].write)[:400], wanted="HTTP 500: ... expired at ...", holds=named
    )
    said = datetime.fromisoformat(found[1]).timestamp() if found else 0.0
    proof.that(
        "end of the lifetime that kube-apiserver names",
        observed=f"last good Status + {said - outage.last_good_at(name):.0f} s",
        wanted=f"+ {WRITE_LIFETIME_S:g} s",
        holds=abs(said - end) <= _TEXT_SLACK_S,
    )
    late_s = failed[0].at - end
    seen = f"{late_s + WRITE_LIFETIME_S:.1f} s after the last good Status"
    proof.that(
        "first failed write", observed=seen, wanted="from 180 s on", holds=-_TEXT_SLACK_S <= late_s <= _SEEN_SLACK_S
    )
    again = [sample for sample in outage.samples[name] if sample.at > failed[0].at and sample.write.status == CREATED]
    proof.that("writes that succeed after the first failure", observed=len(again), wanted=0)


def prove_unhurried(outage: Outage, proof: ProofRecorder) -> None:
    """Prove that kube-apiserver polled as it does on its own: a look at /readyz would have hastened it."""
    begun = [call.at for call in outage.calls("error", "Status")]
    gaps = [later - earlier for earlier, later in itertools.pairwise(begun)]
    least = min(gaps, default=0.0)
    seen = f"{len(begun)} calls, at least {least:.1f} s apart"
    proof.that(
        "Status calls of kube-apiserver, unhurried",
        observed=seen,
        wanted="the poll of 10 s",
        holds=least >= _LEAST_INTERVAL_S,
    )


def prove_recovery(outage: Outage, plane: ControlPlane, proof: ProofRecorder) -> None:
    """Prove that from the first good Status on writes succeed again, with the seed of before: nothing is rewritten."""
    side, before = outage.side("error"), len(outage.samples["error"])
    side.proxy.faults.clear()
    healed = time.time()
    outage.advance(lambda: outage.samples["error"][-1].write.status == CREATED, until=healed + 2 * _RECOVERY_S)
    good_s = side.proxy.last_good_status_at - healed
    wanted = f"within {_RECOVERY_S:g} s of the end of the outage"
    proof.that(
        "first good Status",
        observed=f"{good_s:.1f} s",
        wanted=wanted,
        holds=0 <= good_s <= _RECOVERY_S + _RECOVERY_SLACK_S,
    )
    restored = [sample.at - healed for sample in outage.samples["error"][before:] if sample.write.status == CREATED]
    proof.that("first write", observed=f"{restored[:1]} s", wanted="succeeds after it", holds=bool(restored))
    path = f"/api/v1/namespaces/{outage.namespace}/{side.resource}/{outage.first['error']}"
    old, new = rewrite(plane, proof, path)
    proof.that("resourceVersion after an update without a change", observed=new, wanted=old)


def prove_watched(outage: Outage, proof: ProofRecorder, name: str) -> None:
    """Prove that writes were watched until after the lifetime."""
    last_s = outage.samples[name][-1].at - outage.last_good_at(name)
    seen = f"{len(outage.samples[name])}, the last {last_s:.0f} s after the last good Status before the outage"
    proof.that("writes watched", observed=seen, wanted="beyond 180 s", holds=last_s > WRITE_LIFETIME_S + 1)


def prove_known(outage: Outage, plane: ControlPlane, proof: ProofRecorder, name: str) -> None:
    """Prove that writes end with the lifetime, or go on as the known issue says, with an unhealthy provider."""
    until = outage.end_of_lifetime(name) + WATCHED_AFTER_S
    outage.advance(lambda: bool(outage.failed_writes(name)) or untold(outage, proof, name), until=until)
    failed = outage.failed_writes(name)
    if failed and _EXPIRED.search(failed[0].write.text):
        observed = WRITES_STOP
    elif failed:
        observed = f"a write fails: {str(failed[0].write)[:300]}"
    else:
        prove_watched(outage, proof, name)
        observed = WRITES_GO_ON
    version = kubernetes_minor(plane.api)
    prove(proof, f"writes with a bad Status ({name})", UNHEALTHY_STATUS_EXTENDS_WRITES, version, observed)
    if observed == WRITES_STOP:
        prove_end(outage, proof, name)
    proof.that("reads that failed", observed=len(outage.failed_reads(name)), wanted=0)
    told = [call.at for call in outage.calls(name, "Status") if call.fault]
    gaps = [later - earlier for earlier, later in itertools.pairwise(told)]
    # Only a provider that it holds for unhealthy is polled each 10 s.
    most = max(gaps, default=0.0)
    seen = f"{len(told)} bad ones, at most {most:.0f} s apart"
    proof.that(
        "Status calls of kube-apiserver",
        observed=seen,
        wanted="the poll of the unhealthy, 10 s",
        holds=0 < most < 2 * _RECOVERY_S,
    )


def untold(outage: Outage, proof: ProofRecorder, name: str) -> bool:
    """Fail early when kube-apiserver was told nothing bad although its poll is over; return False otherwise."""
    if time.time() - outage.since > _TOLD_TIMEOUT_S and not any(call.fault for call in outage.calls(name, "Status")):
        proof.that("bad Status calls", observed="none", wanted=f"one within {_TOLD_TIMEOUT_S:g} s", holds=False)
    return False
