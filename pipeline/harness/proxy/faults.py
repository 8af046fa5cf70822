"""The faults a proxy can put between kube-apiserver and a plugin, as data.

A fault says which calls it hits (`methods`, `every_nth`, `first_n`) and what happens to them. Several can be
active; they apply in the order given. Faults of connections hit no single call but the socket as a whole.
"""

from __future__ import annotations

import asyncio
import difflib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

import grpc

from pipeline.errors import InputError
from pipeline.harness.kms import METHODS

HITTABLE: Final = (*METHODS, "Version")
"""The methods of KMS v2, and the one of KMS v1 that v2 has not."""

CODES: Final = tuple(code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK)


class Refusal(Exception):
    """The call ends with this gRPC status instead of a reply."""

    def __init__(self, code: str, details: str) -> None:
        """Keep the status."""
        super().__init__(f"{code}: {details}")
        self.code = code
        self.details = details


@dataclass(slots=True)
class Call:
    """A call on its way through the proxy; `drop` closes every live connection."""

    method: str
    request: bytes
    drop: Callable[[], None]


@dataclass(slots=True)
class Memory:
    """What an active fault remembers: the calls it was asked about, the last keyID it gave, tokens left."""

    asked: int = 0
    hits: int = 0
    key_id: str = ""
    tokens: float = -1.0
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What all faults have in common; by itself it changes nothing.

    `methods`: the calls it may hit, all by default. `every_nth`: of these, each n-th (1 = all).
    `first_n`: stop after n hits; 0, the default, is no limit.
    """

    applies_to: ClassVar[tuple[str, ...]] = HITTABLE

    methods: tuple[str, ...] = ()
    every_nth: int = 1
    first_n: int = 0

    def __post_init__(self) -> None:
        """Refuse what could never hit anything.

        Raises: InputError for an unknown method and for numbers out of range.
        """
        for method in self.methods:
            require_word("KMS method for this fault", method, self.applies_to)
        if self.every_nth < 1 or self.first_n < 0:
            raise InputError(
                "a fault counts calls from 1", seen=f"every_nth={self.every_nth}, first_n={self.first_n}", wanted=">= 1"
            )

    @property
    def name(self) -> str:
        """Return the fault's name for the record of calls."""
        return type(self).__name__

    def takes(self, method: str, memory: Memory) -> bool:
        """Tell whether this fault hits the call, and count it."""
        if method not in (self.methods or self.applies_to):
            return False
        memory.asked += 1
        if memory.asked % self.every_nth or (self.first_n and memory.hits >= self.first_n):
            return False
        memory.hits += 1
        return True

    async def before(self, call: Call, memory: Memory) -> bytes | None:  # noqa: ARG002
        """Act before the plugin is asked; bytes returned are the reply, and the plugin is not asked.

        Raises: Refusal when the call ends with an error.
        """
        return None

    def edit(self, call: Call, reply: bytes, memory: Memory) -> bytes:  # noqa: ARG002
        """Return the reply as it goes on."""
        return reply


@dataclass(frozen=True, slots=True)
class Delay(Fault):
    """The plugin is slow: each call waits `delay_s` seconds and a random part of `jitter_s` more."""

    delay_s: float
    jitter_s: float = 0.0

    async def before(self, call: Call, memory: Memory) -> bytes | None:  # noqa: ARG002
        """Wait."""
        await asyncio.sleep(self.delay_s + random.random() * self.jitter_s)  # noqa: S311 - no secret
        return None


@dataclass(frozen=True, slots=True)
class Hang(Fault):
    """The call is accepted and never answered; it ends when the caller gives up."""

    async def before(self, call: Call, memory: Memory) -> bytes | None:  # noqa: ARG002
        """Wait until the caller's deadline or cancellation ends the call."""
        await asyncio.Event().wait()
        return None


@dataclass(frozen=True, slots=True)
class Error(Fault):
    """The call ends with a gRPC status; `code` is its name, such as `PERMISSION_DENIED`."""

    code: str = "UNAVAILABLE"
    details: str = "fault: the backend is not available"

    def __post_init__(self) -> None:
        """Refuse unknown codes. Raises: InputError."""
        Fault.__post_init__(self)
        require_word("gRPC status", self.code, CODES)

    async def before(self, call: Call, memory: Memory) -> bytes | None:  # noqa: ARG002
        """End the call."""
        raise Refusal(self.code, self.details)


@dataclass(frozen=True, slots=True)
class RateLimit(Fault):
    """At most `per_s` calls a second go through, `burst` at once; others end with RESOURCE_EXHAUSTED."""

    per_s: float
    burst: int = 1

    async def before(self, call: Call, memory: Memory) -> bytes | None:  # noqa: ARG002
        """Take a token or end the call."""
        now = time.monotonic()
        filled = self.burst if memory.tokens < 0 else memory.tokens + (now - memory.at) * self.per_s
        memory.tokens, memory.at = min(float(self.burst), filled), now
        if memory.tokens < 1:
            raise Refusal("RESOURCE_EXHAUSTED", f"fault: more than {self.per_s:g} calls a second")
        memory.tokens -= 1
        return None


@dataclass(frozen=True, slots=True)
class RawReply(Fault):
    """The reply is these bytes, whether they are a message or not; the plugin is not asked."""

    data: bytes = b"\xff\xff\xff\xff garbage"

    async def before(self, call: Call, memory: Memory) -> bytes | None:  # noqa: ARG002
        """Answer."""
        return self.data


@dataclass(frozen=True, slots=True)
class DropConnections(Fault):
    """The connection breaks while the call is under way, and every other live connection too."""

    async def before(self, call: Call, memory: Memory) -> bytes | None:  # noqa: ARG002
        """Close all connections, and end the call for the proxy's own record."""
        call.drop()
        raise Refusal("UNAVAILABLE", "fault: connection dropped")


@dataclass(frozen=True, slots=True)
class ConnectionFault(Fault):
    """A fault of the socket as a whole, so it takes neither `methods` nor `every_nth` nor `first_n`."""

    def __post_init__(self) -> None:
        """Refuse to choose calls. Raises: InputError."""
        if self.methods or self.every_nth != 1 or self.first_n:
            raise InputError(
                "a fault of connections hits no single calls",
                seen=f"methods={self.methods}, every_nth={self.every_nth}, first_n={self.first_n}",
                wanted=f"{self.name} without them",
            )


@dataclass(frozen=True, slots=True)
class Refuse(ConnectionFault):
    """Nobody listens: the socket's file is removed and live connections are closed."""


@dataclass(frozen=True, slots=True)
class HalfOpen(ConnectionFault):
    """Connections are accepted and stay silent, live ones included, until the fault is cleared."""


@dataclass(frozen=True, slots=True)
class WireGarbage(ConnectionFault):
    """Each connection gets bytes that are no HTTP/2 and is closed; live ones are closed."""

    data: bytes = b"HTTP/1.0 418 \r\n\r\nno HTTP/2 here"


def require_word(kind: str, word: str, known: tuple[str, ...]) -> None:
    """Check a word against those known, suggesting the closest. Raises: InputError."""
    if word not in known:
        close = difflib.get_close_matches(word, known, n=1)
        raise InputError(
            f"unknown {kind}",
            seen=repr(word),
            wanted=", ".join(known),
            next_step=f"did you mean {close[0]}?" if close else None,
        )
