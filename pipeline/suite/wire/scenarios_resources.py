"""What calls leave behind in the plugin: threads, descriptors, secrets in what it writes; and how long they take."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from pipeline.core.result import Level, NotRun, Subject
from pipeline.harness.kms import KmsClient
from pipeline.harness.plugin import Plugin
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.wire.secrets import shapes_in
from pipeline.suite.wire.steps import is_refused, replied, round_trip, seed, serving_pid

CANCELLED: Final = 200
SETTLE_S: Final = 10.0
SLACK: Final = 10
CANARIES: Final = 20
_POLL_S: Final = 0.05
# Servers may limit the calls on a connection; 100 is a common limit.
_AT_ONCE: Final = 50
# So that no call ends by its own deadline on a busy machine before it is cancelled.
_PATIENCE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Resources:
    """Threads and open descriptors of a process."""

    threads: int
    descriptors: int

    def __str__(self) -> str:
        """Return both numbers in words."""
        return f"{self.threads} threads, {self.descriptors} descriptors"

    def within(self, limit: Resources) -> bool:
        """Tell whether both numbers are at most those of `limit`."""
        return self.threads <= limit.threads and self.descriptors <= limit.descriptors


@scenario(
    Scenario(
        id="A12",
        title="200 cancelled calls leave no threads and no descriptors, and the next call works",
        level=Level.SHOULD,
        source="kubernetes/apiserver pkg/apis/apiserver/v1/defaults.go: a call is given up after 3 s by default",
        subject=Subject.PLUGIN,
        twin=Twin(
            "each cancelled call leaves a thread and a descriptor", r"after 200 cancelled calls: saw \d\d+ threads"
        ),
    )
)
def scenario_cancelled_calls_leave_nothing(kms_client: KmsClient, proof: ProofRecorder) -> None:
    """Half of the calls hang since their request never comes, half are under way; /proc before and after.

    Each call is with the plugin before it is cancelled, and the cancellation before /proc is read: a Status behind
    them on the same connection is answered. The baseline is taken after 50 such calls, so that pools that grow once
    have grown. A leak for each call would add 200 (or 100); ten of each are allowed for what a runtime does by itself.
    """
    pid = serving_pid(kms_client.address)
    _cancel(kms_client, 50, proof)
    base = _resources_or_skip(pid)
    limit = Resources(base.threads + SLACK, base.descriptors + SLACK)
    given_up = _cancel(kms_client, CANCELLED, proof)
    hanging = CANCELLED // 2
    what = f"calls of {CANCELLED} that were under way when they were cancelled"
    proof.that(what, observed=given_up, wanted=f"at least {hanging}", holds=given_up >= hanging)
    deadline = time.monotonic() + SETTLE_S
    while not (now := _resources_or_skip(pid)).within(limit) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    what = f"threads and descriptors after {CANCELLED} cancelled calls"
    proof.that(what, observed=str(now), wanted=f"at most {limit}", holds=now.within(limit))
    round_trip(proof, kms_client, "round trip after the cancelled calls")


@scenario(
    Scenario(
        id="A16",
        title="No seed in what the plugin writes: log, state, metrics",
        level=Level.SHOULD,
        source="FalcoSuessgott/vault-kubernetes-kms commits 01bfe4b and 1aa89b7 took secrets out of its logs",
        subject=Subject.PLUGIN,
        twin=Twin("logs what it encrypts, as base64", r"seeds found: saw .*base64 in .*\.log"),
    )
)
def scenario_seeds_are_not_written_down(kms_plugin: Plugin, proof: ProofRecorder) -> None:
    """Wrap and unwrap 20 seeds, also with a keyID that fails; end the process; search in several encodings."""
    seeds = [seed() for _ in range(CANARIES)]
    for plaintext in seeds:
        wrapped = replied(proof, "Encrypt", partial(kms_plugin.client.encrypt, plaintext))
        replied(proof, "Decrypt", partial(kms_plugin.client.decrypt, wrapped))
        is_refused(partial(kms_plugin.client.decrypt, dataclasses.replace(wrapped, key_id="none")))
    metrics = kms_plugin.hook("metrics").encode() if kms_plugin.has_hook("metrics") else None
    kms_plugin.stop()  # what is buffered is written now
    places = {f"log {kms_plugin.log_path.name}": kms_plugin.log_path.read_bytes()}
    for path in sorted(kms_plugin.state.rglob("*")):
        if path.is_file():
            places[f"state file {path.name}"] = path.read_bytes()
    if metrics is not None:
        places["metrics"] = metrics
    found = [f"{shape} in {place}" for place, data in places.items() for shape in shapes_in(data, seeds)]
    nothing = f"none in {sum(map(len, places.values()))} bytes of {', '.join(places)}"
    proof.that("seeds found", observed="; ".join(found) or nothing, wanted="none", holds=not found)


def _cancel(client: KmsClient, count: int, proof: ProofRecorder) -> int:
    """Make calls on connections of their own, see that the plugin has them, cancel them, hang up.

    Returns: how many were still under way.
    """
    request, given_up = b"\x0a\x20" + seed(), 0  # an EncryptRequest with a plaintext of 32 bytes
    for _ in range(0, count, _AT_ONCE):
        with KmsClient(client.address, timeout_s=_PATIENCE_S) as own:
            calls = [own.start_unsent("Encrypt") for _ in range(_AT_ONCE // 2)]
            calls += [own.start("Encrypt", request) for _ in range(_AT_ONCE // 2)]
            replied(proof, "Status behind the calls", own.status)  # HTTP/2 keeps the order on a connection
            given_up += sum(call.cancel() for call in calls)
            replied(proof, "Status behind the cancellations", own.status)
    return given_up


def _resources_or_skip(pid: int) -> Resources:
    folder = Path("/proc") / str(pid)
    try:
        return Resources(len(list((folder / "task").iterdir())), len(list((folder / "fd").iterdir())))
    except PermissionError:
        pytest.skip(f"{NotRun.NEEDS_ROOT}: /proc/{pid} belongs to another user")
    except FileNotFoundError:
        pytest.skip(f"{NotRun.NEEDS_PROCESS}: it is not visible here")
