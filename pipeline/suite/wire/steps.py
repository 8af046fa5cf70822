"""Steps that scenarios of family A share: calls that must succeed, calls that must fail, who serves a socket."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from pipeline.errors import ProcessError
from pipeline.harness.kms import EncryptReply, KmsCallError, KmsClient, SocketAddress
from pipeline.harness.kms.contract import SEED_BYTES
from pipeline.harness.plugin import Plugin
from pipeline.suite.scenario import ProofRecorder

Value = TypeVar("Value")
_PEERCRED: Final = struct.Struct("3i")
_CONNECT_TIMEOUT_S: Final = 3.0
_SILENCE: Final = ("DEADLINE_EXCEEDED", "UNAVAILABLE", "CANCELLED")


def seed() -> bytes:
    """Return what kube-apiserver asks plugins to encrypt: 32 random bytes."""
    return os.urandom(SEED_BYTES)


def replied(proof: ProofRecorder, what: str, call: Callable[[], Value]) -> Value:
    """Return what a call returns; a gRPC error fails the scenario under the name `what`.

    Raises: ScenarioFailed.
    """
    try:
        return call()
    except KmsCallError as error:
        proof.that(what, observed=f"{error.code}: {error.details}", wanted="a reply", holds=False)
        raise


def refused(proof: ProofRecorder, what: str, calls: Sequence[Callable[[], object]]) -> None:
    """Prove that the plugin answers each call with a gRPC error of its own, neither with a reply nor by silence.

    Raises: ScenarioFailed at the first call that is answered otherwise.
    """
    for number, call in enumerate(calls, start=1):
        seen, holds = _refusal(call)
        if not holds:
            name = what if len(calls) == 1 else f"{what} {number} of {len(calls)}"
            proof.that(name, observed=seen, wanted="an error from the plugin", holds=False)
    proof.that(what, observed=f"{len(calls)} refused", wanted=f"{len(calls)} refused")


def is_refused(call: Callable[[], object]) -> bool:
    """Tell whether the plugin answers a call with a gRPC error of its own."""
    return _refusal(call)[1]


def _refusal(call: Callable[[], object]) -> tuple[str, bool]:
    try:
        reply = call()
    except KmsCallError as error:
        return f"{error.code}: {error.details}", error.code not in _SILENCE
    return f"a reply of {len(reply)} bytes" if isinstance(reply, bytes) else "a reply", False


def round_trip(proof: ProofRecorder, client: KmsClient, what: str) -> EncryptReply:
    """Encrypt and decrypt a fresh seed, prove that it comes back, and return its wrapped form.

    Raises: ScenarioFailed.
    """
    plaintext = seed()
    wrapped = replied(proof, f"{what}: Encrypt", lambda: client.encrypt(plaintext))
    opened = replied(proof, f"{what}: Decrypt", lambda: client.decrypt(wrapped))
    proof.that(what, observed=same(opened, plaintext), wanted="the same bytes")
    return wrapped


def same(seen: bytes, wanted: bytes) -> str:
    """Say whether two secrets are equal without showing them."""
    return "the same bytes" if seen == wanted else f"{len(seen)} other bytes"


def serving_pid(address: SocketAddress) -> int:
    """Return the process that listens on the socket; 0 when it is in another PID namespace or nobody listens.

    Source: unix(7), SO_PEERCRED: the credentials are those of the process that called listen(2).
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_CONNECT_TIMEOUT_S)
        if probe.connect_ex(address.kernel) != 0:
            return 0
        pid: int = _PEERCRED.unpack(probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEERCRED.size))[0]
        return pid


def started(proof: ProofRecorder, plugin: Plugin, what: str) -> None:
    """Start the plugin and prove that it becomes ready.

    Raises: ScenarioFailed.
    """
    _prove_ready(proof, plugin.start, what)


def restarted(proof: ProofRecorder, plugin: Plugin, what: str, *, kill: bool = False) -> None:
    """Restart the plugin, by the author's hook `restart` where there is one and it is no kill; prove that it is ready.

    Raises: ScenarioFailed.
    """
    _prove_ready(proof, partial(plugin.restart, kill=kill), what)


def _prove_ready(proof: ProofRecorder, start: Callable[[], object], what: str) -> None:
    seen = "a Status"
    try:
        start()
    except ProcessError as error:
        seen = str(error)
    proof.that(what, observed=seen, wanted="a Status")


def still_served(proof: ProofRecorder, client: KmsClient, pid: int, after: str) -> None:
    """Prove that the same process serves the socket and still does its work.

    Raises: ScenarioFailed.
    """
    proof.that(f"process that serves the socket after {after}", observed=serving_pid(client.address), wanted=pid)
    round_trip(proof, client, f"round trip after {after}")
