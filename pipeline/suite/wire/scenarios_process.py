"""The plugin as a process: restarts, a second instance, stopping while calls hang."""

from __future__ import annotations

import signal
import time
from functools import partial
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.kms import EncryptReply, KmsClient
from pipeline.harness.plugin import Plugin
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.wire.steps import replied, restarted, round_trip, same, seed, started

STOP_LIMIT_S: Final = 5.0
HUNG_CALLS: Final = 3


@scenario(
    Scenario(
        id="A14",
        title="After SIGTERM and after SIGKILL the plugin starts on the same path and decrypts what it encrypted",
        level=Level.SHOULD,
        source="aws-encryption-provider issue 26: a socket left by a crash kept the plugin from starting",
        subject=Subject.PLUGIN,
        twin=Twin("refuses to start where a socket was left behind", r"start after SIGKILL: saw"),
        deadline_s=180,
    )
)
def scenario_restart_keeps_keys_and_socket(kms_plugin: Plugin, proof: ProofRecorder) -> None:
    """Wrap a seed, end the process each way, start it again, unwrap the seed, make a new round trip.

    The author's hook restart, where there is one, takes the place of SIGTERM and start.
    """
    plaintext = seed()
    wrapped = replied(proof, "Encrypt", lambda: kms_plugin.client.encrypt(plaintext))
    for name in ("SIGTERM", "SIGKILL"):
        restarted(proof, kms_plugin, f"start after {name}", kill=name == "SIGKILL")
        opened = replied(proof, f"Decrypt after {name}", lambda: kms_plugin.client.decrypt(wrapped))
        proof.that(f"plaintext after {name}", observed=same(opened, plaintext), wanted="the same bytes")
        round_trip(proof, kms_plugin.client, f"new round trip after {name}")


@scenario(
    Scenario(
        id="A14d",
        title="SIGTERM ends the plugin within 5 s while calls hang, and its socket is gone",
        level=Level.SHOULD,
        source="k8s.io/kms pkg/service/grpc_service.go, Shutdown: it waits for pending calls without limit",
        subject=Subject.PLUGIN,
        twin=Twin("does not stop while a call hangs", r"end after SIGTERM: saw .*, wanted within 5 s"),
    )
)
def scenario_stop_does_not_wait_for_hung_calls(kms_plugin: Plugin, proof: ProofRecorder) -> None:
    """Begin three calls whose requests never come, ask the process to end, and wait for its exit code."""
    client = kms_plugin.client
    pending = [client.start_unsent("Decrypt", timeout_s=60) for _ in range(HUNG_CALLS)]
    replied(proof, "Status on the same connection", client.status)  # it comes after the calls that hang
    begun = time.monotonic()
    code = kms_plugin.stop()
    took_s = time.monotonic() - begun
    for call in pending:
        call.cancel()
    in_time = took_s <= STOP_LIMIT_S and code != -signal.SIGKILL
    seen = f"exit code {code} after {took_s:.1f} s"
    proof.that("end after SIGTERM", observed=seen, wanted=f"within {STOP_LIMIT_S:g} s", holds=in_time)
    left = "still there" if kms_plugin.socket.exists() else "gone"
    proof.that("the socket after the end", observed=left, wanted="gone")


@scenario(
    Scenario(
        id="A15",
        title="Two instances on one configuration decrypt each other's output",
        level=Level.SHOULD,
        source="KEP-3299, Metadata: instances of a plugin need no coordination; each API server has its own",
        subject=Subject.PLUGIN,
        twin=Twin("a second process has keys of its own", r"Decrypt by the (first|second): saw NOT_FOUND"),
        deadline_s=120,
    )
)
def scenario_instances_share_their_keys(kms_plugin: Plugin, proof: ProofRecorder) -> None:
    """Start a second instance with another socket on the same state; unwrap crosswise; compare keyIDs."""
    sibling = kms_plugin.sibling("second-plugin")
    started(proof, sibling, "start of the second instance")
    ours, theirs = kms_plugin.client, sibling.client
    for writer, reader, name in ((ours, theirs, "second"), (theirs, ours, "first")):
        plaintext = seed()
        wrapped: EncryptReply = replied(proof, "Encrypt", partial(writer.encrypt, plaintext))
        opened = replied(proof, f"Decrypt by the {name}", partial(reader.decrypt, wrapped))
        proof.that(f"plaintext from the {name}", observed=same(opened, plaintext), wanted="the same bytes")
    _assert_same_key_id(proof, ours, theirs)
    theirs.close()


def _assert_same_key_id(proof: ProofRecorder, ours: KmsClient, theirs: KmsClient) -> None:
    first, second = (replied(proof, "Status", client.status).key_id for client in (ours, theirs))
    proof.that("keyID of the second instance", observed=second, wanted=first)
