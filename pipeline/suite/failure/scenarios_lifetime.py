"""D42, D72-D75: how long writes outlive a plugin that fails; five shapes of failing share one wait of 3 min."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import pytest

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions, Equipment
from pipeline.harness.proxy import EditStatus, Error, Fault
from pipeline.suite.failure.outage import WATCHED_AFTER_S, WRITE_LIFETIME_S, Outage, Outages
from pipeline.suite.failure.sides import Sides
from pipeline.suite.failure.steps import server_pid
from pipeline.suite.known import (
    UNHEALTHY_STATUS_EXTENDS_WRITES,
    WRITES_GO_ON,
    WRITES_STOP,
    kubernetes_minor,
    prove,
)
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.support import CREATED, rewrite, sealed

_PLANE: Final = "failure-lifetime"
_DEADLINE_S: Final = 330.0
_NAMES: Final = ("error", "unhealthy", "version", "mismatch", "flapping")
_MISMATCH: Final = "kms-e2e-status-names-another-key"
_CONFIG: Final = "kubernetes/apiserver encryptionconfig/config.go"
_TTL: Final = f"{_CONFIG} kmsv2PluginWriteDEKSourceMaxTTL (3 min)"
_EXPIRED: Final = re.compile(r"expired at (\S+) \(current time is")
# The text has whole seconds; the rest is slack for a loaded machine between a reply and kube-apiserver's clock.
_TEXT_SLACK_S: Final = 2.0
_SEEN_SLACK_S: Final = 10.0
# A Status after the outage began comes within the poll of 60 s.
_TOLD_TIMEOUT_S: Final = 75.0
# Polled each 10 s while unhealthy; a look at /readyz would make it 3 s.
_LEAST_INTERVAL_S: Final = 5.0
_RECOVERY_S: Final = 10.0
_RECOVERY_SLACK_S: Final = 3.0


@pytest.fixture(scope="session")
def outages() -> Iterator[Outages]:
    """Return this worker's long outages."""
    outages = Outages()
    yield outages
    outages.close()


@pytest.fixture
def plane_options(outages: Outages, plane_name: str, scenario_equipment: Equipment) -> ControlPlaneOptions:
    """Give the control plane a provider for each shape of failing."""
    evidence = scenario_equipment.evidence
    return ControlPlaneOptions(
        configure=outages.sides(plane_name, lambda: Sides(_NAMES, plane=plane_name, evidence=evidence))
    )


@pytest.fixture
def outage(outages: Outages, control_plane: ControlPlane, proof: ProofRecorder) -> Outage:
    """Return the outage, begun."""
    found = outages.of(control_plane)
    found.begin(_faults(control_plane.plugin.client.status().version), proof)
    return found


def _faults(version: str) -> dict[str, Fault]:
    other = "v2beta1" if version == "v2" else "v2"
    return {
        "error": Error("PERMISSION_DENIED", "fault: the credentials have expired"),
        "unhealthy": EditStatus(healthz="fault: the key is disabled"),
        "version": EditStatus(version=other),
        "mismatch": EditStatus(key_id=_MISMATCH),
        "flapping": Error(methods=("Status",), every_nth=2),
    }


@scenario(
    Scenario(
        id="D42",
        title="a plugin that fails: writes end 180 s after the last good Status, reads never",
        level=Level.MUST,
        source=f"{_TTL}; KEP-3299: reads outlive the write lifetime",
        subject=Subject.KUBE_APISERVER,
        plane=_PLANE,
        deadline_s=_DEADLINE_S,
        fast=False,
        twin=Twin(breaks="proxy: Status stays good during the outage", reason="good Status during the outage"),
    )
)
def scenario_write_lifetime(outage: Outage, control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """PERMISSION_DENIED, /readyz left alone: HTTP codes each second against the proxy's last good Status."""
    pid = server_pid(control_plane)
    end = outage.end_of_lifetime("error")
    outage.advance(lambda: _expired(outage, proof), until=end + WATCHED_AFTER_S)
    _prove_end(outage, proof, "error")
    _prove_unhurried(outage, proof)
    proof.that("reads that failed", observed=len(outage.failed_reads("error")), wanted=0)
    livez = control_plane.api.get("/livez")
    proof.that("/livez", observed=str(livez), wanted="HTTP 200", holds=livez.ok)
    proof.that("process id of kube-apiserver", observed=server_pid(control_plane), wanted=pid)
    _prove_recovery(outage, control_plane, proof)


def _expired(outage: Outage, proof: ProofRecorder) -> bool:
    good = outage.side("error").proxy.last_good_status_at
    if good > outage.since:
        proof.that(
            "good Status during the outage",
            observed=f"{good - outage.since:.1f} s after its begin",
            wanted="none",
            holds=False,
        )
    return bool(outage.failed_writes("error"))


def _prove_end(outage: Outage, proof: ProofRecorder, name: str) -> None:
    """The first failed write comes when the lifetime is over, says when it ended, and none succeeds after it."""
    end, failed = outage.end_of_lifetime(name), outage.failed_writes(name)
    if not failed:
        proof.that(
            "writes after the lifetime", observed="none failed", wanted="HTTP 500: ... expired at ...", holds=False
        )
    text = failed[0].write.text
    found = _EXPIRED.search(text)
    named = "expired at" in text and found is not None
    proof.that(
        "first failed write", observed=str(failed[0].write)[:400], wanted="HTTP 500: ... expired at ...", holds=named
    )
    said = datetime.fromisoformat(found[1]).timestamp() if found else 0.0
    proof.that(
        "end of the lifetime that kube-apiserver names",
        observed=f"last good Status + {said - outage.last_good_at[name]:.0f} s",
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


def _prove_unhurried(outage: Outage, proof: ProofRecorder) -> None:
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


def _prove_recovery(outage: Outage, plane: ControlPlane, proof: ProofRecorder) -> None:
    """From the first good Status on, writes succeed again, with the seed of before: nothing is rewritten."""
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


@scenario(
    Scenario(
        id="D72",
        title="a flapping plugin does not end writes",
        level=Level.MUST,
        source=f"{_CONFIG} rotateDEKOnKeyIDChange: each good Status moves the end of the write lifetime",
        subject=Subject.KUBE_APISERVER,
        plane=_PLANE,
        deadline_s=_DEADLINE_S,
        fast=False,
        twin=Twin(breaks="proxy: every Status fails, not every second", reason="two failed Status in a row"),
    )
)
def scenario_flapping(outage: Outage, proof: ProofRecorder) -> None:
    """Every second Status fails; no write and no read fails until well after the first lifetime."""
    until = outage.end_of_lifetime("flapping") + WATCHED_AFTER_S

    def in_a_row() -> bool:
        codes = [call.code for call in outage.calls("flapping", "Status")]
        twice = any(first == second != "OK" for first, second in itertools.pairwise(codes))
        if twice:
            proof.that(
                "two failed Status in a row", observed=", ".join(codes), wanted="every second fails", holds=False
            )
        return False

    outage.advance(in_a_row, until=until)
    codes = [call.code for call in outage.calls("flapping", "Status")]
    holds = {"OK", "UNAVAILABLE"} <= set(codes)
    proof.that("Status calls", observed=", ".join(codes), wanted="good and failed ones", holds=holds)
    _prove_watched(outage, proof, "flapping")
    proof.that(
        "writes that failed", observed=[str(item.write)[:200] for item in outage.failed_writes("flapping")], wanted=[]
    )
    proof.that("reads that failed", observed=len(outage.failed_reads("flapping")), wanted=0)


def _prove_watched(outage: Outage, proof: ProofRecorder, name: str) -> None:
    last_s = outage.samples[name][-1].at - outage.last_good_at[name]
    seen = f"{len(outage.samples[name])}, the last {last_s:.0f} s after the last good Status before the outage"
    proof.that("writes watched", observed=seen, wanted="beyond 180 s", holds=last_s > WRITE_LIFETIME_S + 1)


@scenario(
    Scenario(
        id="D73",
        title="Status.healthz is not ok for longer than the write lifetime",
        level=Level.MUST,
        source=_TTL,
        subject=Subject.KUBE_APISERVER,
        plane=_PLANE,
        deadline_s=_DEADLINE_S,
        fast=False,
        twin=Twin(breaks="kube-apiserver: writes end, as if the known issue were fixed", reason="is no longer seen"),
    )
)
def scenario_unhealthy_status(outage: Outage, control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """Status with healthz other than ok, same keyID: writes end after 180 s, or kubernetes issue 138950 is met."""
    _prove_known(outage, control_plane, proof, "unhealthy")


@scenario(
    Scenario(
        id="D74",
        title="Status.version changes for longer than the write lifetime",
        level=Level.MUST,
        source=f"{_TTL}; api.proto StatusResponse.version",
        subject=Subject.KUBE_APISERVER,
        plane=_PLANE,
        deadline_s=_DEADLINE_S,
        fast=False,
        twin=Twin(breaks="kube-apiserver: writes end, as if the known issue were fixed", reason="is no longer seen"),
    )
)
def scenario_version_change(outage: Outage, control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """Status with another version, same keyID: the other way into the code of kubernetes issue 138950."""
    _prove_known(outage, control_plane, proof, "version")


def _prove_known(outage: Outage, plane: ControlPlane, proof: ProofRecorder, name: str) -> None:
    until = outage.end_of_lifetime(name) + WATCHED_AFTER_S
    outage.advance(lambda: bool(outage.failed_writes(name)) or _untold(outage, proof, name), until=until)
    failed = outage.failed_writes(name)
    if failed and _EXPIRED.search(failed[0].write.text):
        observed = WRITES_STOP
    elif failed:
        observed = f"a write fails: {str(failed[0].write)[:300]}"
    else:
        _prove_watched(outage, proof, name)
        observed = WRITES_GO_ON
    version = kubernetes_minor(plane.api)
    prove(proof, f"writes with a bad Status ({name})", UNHEALTHY_STATUS_EXTENDS_WRITES, version, observed)
    if observed == WRITES_STOP:
        _prove_end(outage, proof, name)
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


def _untold(outage: Outage, proof: ProofRecorder, name: str) -> bool:
    """Fail early when kube-apiserver was told nothing bad although its poll is over; return False otherwise."""
    if time.time() - outage.since > _TOLD_TIMEOUT_S and not any(call.fault for call in outage.calls(name, "Status")):
        proof.that("bad Status calls", observed="none", wanted=f"one within {_TOLD_TIMEOUT_S:g} s", holds=False)
    return False


@scenario(
    Scenario(
        id="D75",
        title="Status and Encrypt name different keys for longer than the write lifetime",
        level=Level.MUST,
        source=f"KEP-3299: such a response is discarded; {_CONFIG} rotateDEKOnKeyIDChange; {_TTL}",
        subject=Subject.KUBE_APISERVER,
        plane=_PLANE,
        deadline_s=_DEADLINE_S,
        fast=False,
        twin=Twin(breaks="proxy: Encrypt names the key of Status", reason="keyID written during the mismatch"),
    )
)
def scenario_mismatch(outage: Outage, control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """Status names a key that Encrypt does not: the old seed coasts for 180 s, nothing is written with another key."""
    name, real = "mismatch", control_plane.plugin.client.status().key_id

    def over() -> bool:
        _untold(outage, proof, name)
        if outage.samples[name] and outage.samples[name][-1].write.status == CREATED:
            _prove_key_id(outage, control_plane, proof, outage.samples[name][-1].name, real)
        return bool(outage.failed_writes(name))

    outage.advance(over, until=outage.end_of_lifetime(name) + WATCHED_AFTER_S)
    _prove_end(outage, proof, name)
    written = [item for item in outage.samples[name] if item.write.status == CREATED]
    for item in written:
        _prove_key_id(outage, control_plane, proof, item.name, real)
    proof.that(
        "objects with the key of before",
        observed=f"{len(written)} of {len(written)}",
        wanted="all",
        holds=bool(written),
    )
    asked = outage.calls(name, "Encrypt")
    proof.that("Encrypt calls whose replies were discarded", observed=len(asked), wanted=">= 2", holds=len(asked) > 1)
    proof.that("reads that failed", observed=len(outage.failed_reads(name)), wanted=0)


def _prove_key_id(outage: Outage, plane: ControlPlane, proof: ProofRecorder, name: str, real: str) -> None:
    seen = sealed(plane, outage.side("mismatch").key(outage.namespace, name)).key_id
    if seen != real:
        proof.that("keyID written during the mismatch", observed=seen, wanted=real)
