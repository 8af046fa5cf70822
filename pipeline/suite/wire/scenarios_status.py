"""The Status method: shape, stability, cost."""

from __future__ import annotations

from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.kms import KmsClient, StatusReply
from pipeline.harness.kms.contract import API_VERSIONS, HEALTHY, key_id_problem
from pipeline.harness.plugin import Plugin
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.threads import at_once
from pipeline.suite.wire.steps import replied, restarted

MANY: Final = 1000
RESTARTS: Final = 2
_PROTO: Final = "k8s.io/kms apis/v2/api.proto"
_CONFIG: Final = "kubernetes/apiserver pkg/server/options/encryptionconfig/config.go"


@scenario(
    Scenario(
        id="A02",
        title="Status has version v2 or v2beta1, healthz ok and a keyID of 1 to 1024 bytes",
        level=Level.MUST,
        source=f"{_PROTO}, StatusResponse; {_CONFIG}, isKMSv2ProviderHealthyAndMaybeRotateDEK",
        subject=Subject.PLUGIN,
        twin=Twin("Status says version v3", r"version: saw v3, wanted v2 or v2beta1"),
    )
)
def scenario_status_has_the_fields_of_the_contract(kms_client: KmsClient, proof: ProofRecorder) -> None:
    """One Status call; its three fields."""
    status = replied(proof, "Status", kms_client.status)
    proof.that(
        "version", observed=status.version, wanted=" or ".join(API_VERSIONS), holds=status.version in API_VERSIONS
    )
    proof.that("healthz", observed=status.healthz, wanted=HEALTHY)
    problem = key_id_problem(status.key_id)
    proof.that(
        "keyID", observed=problem or f"{len(status.key_id.encode())} bytes", wanted="1 to 1024 bytes", holds=not problem
    )


@scenario(
    Scenario(
        id="A03",
        title="1000 Status calls give one version and one keyID",
        level=Level.MUST,
        source=f"{_CONFIG}: the version must not change after the first reply; KEP-3299: the keyID is stable",
        subject=Subject.PLUGIN,
        twin=Twin("the keyID changes back and forth", r"different keyIDs in 1000 replies: saw 2"),
    )
)
def scenario_status_is_stable(kms_client: KmsClient, proof: ProofRecorder) -> None:
    """1000 calls, up to 50 at a time; the sets of versions and of keyIDs have one member each."""
    replies: list[StatusReply] = replied(proof, "Status", lambda: at_once([kms_client.status] * MANY))
    versions = {reply.version for reply in replies}
    key_ids = {reply.key_id for reply in replies}
    proof.that(f"different versions in {MANY} replies", observed=len(versions), wanted=1)
    proof.that(f"different keyIDs in {MANY} replies", observed=len(key_ids), wanted=1)


@scenario(
    Scenario(
        id="A03b",
        title="The keyID is the same after two restarts without a rotation",
        level=Level.MUST,
        source="KEP-3299: key_id is a stable identifier whose change means that the key was rotated",
        subject=Subject.PLUGIN,
        twin=Twin("the keyID holds the time of the start", r"keyID after restart 1: saw .*, wanted double-"),
        deadline_s=180,
    )
)
def scenario_key_id_survives_restarts(kms_plugin: Plugin, proof: ProofRecorder) -> None:
    """Status before, after a restart (hook restart, else SIGTERM and start), after SIGKILL and start."""
    before = replied(proof, "Status", kms_plugin.client.status)
    for number in range(1, RESTARTS + 1):
        restarted(proof, kms_plugin, f"restart {number}", kill=number == RESTARTS)
        after = replied(proof, "Status", kms_plugin.client.status)
        proof.that(f"keyID after restart {number}", observed=after.key_id, wanted=before.key_id)


@scenario(
    Scenario(
        id="A04",
        title="Status uses no key: kube-apiserver polls it, and a remote KMS bills each use",
        level=Level.SHOULD,
        source="KEP-3299, Motivation: health checks by Encrypt and Decrypt cost money in cloud environments",
        subject=Subject.PLUGIN,
        twin=Twin("each Status uses the key", r"uses of a key during 50 Status calls: saw 50, wanted 0"),
        hooks=("backend_calls",),
    )
)
def scenario_status_uses_no_key(kms_plugin: Plugin, proof: ProofRecorder) -> None:
    """Read the backend's own counter around 50 Status calls; one Encrypt proves that the counter counts."""
    calls = 50
    before = backend_calls(kms_plugin, proof)
    for _ in range(calls):
        replied(proof, "Status", kms_plugin.client.status)
    after = backend_calls(kms_plugin, proof)
    proof.that(f"uses of a key during {calls} Status calls", observed=after - before, wanted=0)
    replied(proof, "Encrypt", lambda: kms_plugin.client.encrypt(b"the counter must see this one"))
    counted = backend_calls(kms_plugin, proof) - after
    proof.that("uses of a key during one Encrypt", observed=counted, wanted="1 or more", holds=counted > 0)


def backend_calls(plugin: Plugin, proof: ProofRecorder) -> int:
    """Return how often the plugin's backend has used a key, as the hook prints it.

    Raises: ScenarioFailed when the hook prints no number first.
    """
    printed = plugin.hook("backend_calls").split()
    isnumber = bool(printed) and printed[0].replace(".", "", 1).isdigit()
    shown = printed[0] if printed else "nothing"
    proof.that("what the hook backend_calls prints first", observed=shown, wanted="a number", holds=isnumber)
    return int(float(printed[0]))
