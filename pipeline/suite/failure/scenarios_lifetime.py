"""D42, D72-D75: how long writes outlive a plugin that fails; five shapes of failing share one wait of 3 min."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions, Equipment
from pipeline.harness.proxy import EditStatus, Error, Fault
from pipeline.suite.failure.lifetime import (
    prove_end,
    prove_known,
    prove_recovery,
    prove_unhurried,
    prove_watched,
    untold,
)
from pipeline.suite.failure.outage import WATCHED_AFTER_S, Outage, Outages
from pipeline.suite.failure.sides import Sides
from pipeline.suite.failure.steps import server_pid
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.support import CREATED, sealed

_PLANE: Final = "failure-lifetime"
_DEADLINE_S: Final = 330.0
_NAMES: Final = ("error", "unhealthy", "version", "mismatch", "flapping")
_MISMATCH: Final = "kms-e2e-status-names-another-key"
_CONFIG: Final = "kubernetes/apiserver encryptionconfig/config.go"
_TTL: Final = f"{_CONFIG} kmsv2PluginWriteDEKSourceMaxTTL (3 min)"


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
        waits=True,
        twin=Twin(breaks="proxy: every second Status is good, which moves the end", reason="writes after the lifetime"),
    )
)
def scenario_write_lifetime(outage: Outage, control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """PERMISSION_DENIED, /readyz left alone: HTTP codes each second against the proxy's last good Status."""
    pid = server_pid(control_plane)
    end = outage.end_of_lifetime("error")
    outage.advance(lambda: bool(outage.failed_writes("error")), until=end + WATCHED_AFTER_S)
    prove_end(outage, proof, "error")
    prove_unhurried(outage, proof)
    proof.that("reads that failed", observed=len(outage.failed_reads("error")), wanted=0)
    livez = control_plane.api.get("/livez")
    proof.that("/livez", observed=str(livez), wanted="HTTP 200", holds=livez.ok)
    proof.that("process id of kube-apiserver", observed=server_pid(control_plane), wanted=pid)
    prove_recovery(outage, control_plane, proof)


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
        waits=True,
        twin=Twin(breaks="proxy: every Status fails, not every second", reason="writes that failed.*expired at"),
    )
)
def scenario_flapping(outage: Outage, proof: ProofRecorder) -> None:
    """Every second Status fails; no write and no read fails until well after the first lifetime."""
    until = outage.end_of_lifetime("flapping") + WATCHED_AFTER_S
    outage.advance(lambda: bool(outage.failed_writes("flapping")), until=until)
    proof.that(
        "writes that failed", observed=[str(item.write)[:400] for item in outage.failed_writes("flapping")], wanted=[]
    )
    proof.that("reads that failed", observed=len(outage.failed_reads("flapping")), wanted=0)
    prove_watched(outage, proof, "flapping")
    codes = [call.code for call in outage.calls("flapping", "Status")]
    holds = {"OK", "UNAVAILABLE"} <= set(codes)
    proof.that("Status calls", observed=", ".join(codes), wanted="good and failed ones", holds=holds)


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
        waits=True,
        twin=Twin(
            breaks="proxy: Status ends with an error, which ends writes as the fixed issue would",
            reason="is no longer seen",
        ),
    )
)
def scenario_unhealthy_status(outage: Outage, control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """Status with healthz other than ok, same keyID: writes end after 180 s, or kubernetes issue 138950 is met."""
    prove_known(outage, control_plane, proof, "unhealthy")


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
        waits=True,
        twin=Twin(
            breaks="proxy: Status ends with an error, which ends writes as the fixed issue would",
            reason="is no longer seen",
        ),
    )
)
def scenario_version_change(outage: Outage, control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """Status with another version, same keyID: the other way into the code of kubernetes issue 138950."""
    prove_known(outage, control_plane, proof, "version")


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
        waits=True,
        twin=Twin(breaks="proxy: Encrypt names the key of Status", reason="keyID written during the mismatch"),
    )
)
def scenario_mismatch(outage: Outage, control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """Status names a key that Encrypt does not: the old seed coasts for 180 s, nothing is written with another key."""
    name, real = "mismatch", control_plane.plugin.client.status().key_id

    def over() -> bool:
        untold(outage, proof, name)
        if outage.samples[name] and outage.samples[name][-1].write.status == CREATED:
            _prove_key_id(outage, control_plane, proof, outage.samples[name][-1].name, real)
        return bool(outage.failed_writes(name))

    outage.advance(over, until=outage.end_of_lifetime(name) + WATCHED_AFTER_S)
    prove_end(outage, proof, name)
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
