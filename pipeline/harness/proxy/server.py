"""The fault proxy: a KMS server towards kube-apiserver, a KMS client towards the plugin."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import grpc.aio

from pipeline.core.result import KmsCall
from pipeline.errors import InputError
from pipeline.harness.kms import parse_address
from pipeline.harness.kms.client import CHANNEL_OPTIONS
from pipeline.harness.proxy.faults import ConnectionFault, Fault, Memory
from pipeline.harness.proxy.forward import Active, Forwarder
from pipeline.harness.proxy.front import Front
from pipeline.harness.proxy.loop import shared_loop
from pipeline.harness.proxy.record import CallRecord

_SERVER_OPTIONS: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
)


class Faults:
    """The faults of one proxy; they may be changed at any moment, from any thread but the proxy's own."""

    def __init__(self, front: Front) -> None:
        """Begin without a fault."""
        self._front = front
        self._active: tuple[Active, ...] = ()
        self._setting = threading.Lock()

    @property
    def active(self) -> tuple[Fault, ...]:
        """Return the faults in place."""
        return tuple(entry.fault for entry in self._active)

    def set(self, *faults: Fault) -> None:
        """Put these faults in place of all others, with their counters at zero.

        Raises: InputError for more than one fault of connections, which would contradict each other.
        """
        of_connections = [fault for fault in faults if isinstance(fault, ConnectionFault)]
        if len(of_connections) > 1:
            seen = ", ".join(fault.name for fault in of_connections)
            raise InputError("one fault of connections at a time", seen=seen)
        with self._setting:  # or two threads could leave the calls' faults of one and the connections' of the other
            self._active = tuple(Active(fault, Memory()) for fault in faults)
            shared_loop().run(self._front.apply(of_connections[0] if of_connections else None))

    def clear(self) -> None:
        """Let everything through; calls that hang go on hanging until their callers give up."""
        self.set()

    def hitting(self, method: str) -> Iterator[Active]:
        """Yield those that hit this call, and count it for each as it is reached: one before it may end the call."""
        return (entry for entry in self._active if entry.fault.takes(method, entry.memory))


class FaultProxy:
    """Listens on `listen`, forwards to `upstream`, breaks what its `faults` say and records every call.

        with FaultProxy(listen="/run/a/proxy.sock", upstream="/run/a/kms.sock") as proxy:
            proxy.faults.set(Error("UNAVAILABLE", methods=("Status",)))

    Bytes go through as they are: the proxy decodes messages to record them or to edit them, never to judge
    them. A call waits for the plugin as long as its caller's deadline allows. `calls_path` gets a line for
    each call as it ends; `plane` names the control plane in the record.
    """

    def __init__(
        self,
        listen: str | os.PathLike[str],
        upstream: str | os.PathLike[str],
        *,
        plane: str = "",
        calls_path: Path | None = None,
    ) -> None:
        """Prepare; `start` or `with` listens.

        Raises: InputError when an address is not one of a Unix socket, or too long.
        """
        self.address = parse_address(listen)
        self.upstream = parse_address(upstream)
        self._record = CallRecord(plane, calls_path)
        # Beside the other socket: that folder is short enough, private, and goes with its owner.
        self._inner = parse_address(f"{self.address}.in")
        self._front = Front(self.address, self._inner)
        self.faults = Faults(self._front)
        self._server: grpc.aio.Server | None = None
        self._channel: grpc.aio.Channel | None = None

    def __enter__(self) -> Self:
        """Start and return the proxy."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop."""
        self.stop()

    @property
    def calls(self) -> tuple[KmsCall, ...]:
        """Return the calls that have ended, in that order. Times are those at which they began."""
        return self._record.calls

    @property
    def connections(self) -> int:
        """Return how many connections have been accepted so far."""
        return self._front.accepted

    @property
    def last_good_status_at(self) -> float:
        """Return when the last healthy Status went to kube-apiserver, in seconds since the epoch; 0 for never."""
        return self._record.last_good_status_at

    def count(
        self, method: str | None = None, *, code: str | None = None, key_id: str | None = None, since: float = 0.0
    ) -> int:
        """Count ended calls by method, gRPC status name, keyID and beginning (seconds since the epoch)."""
        return sum(
            (method in (None, call.method))
            and (code in (None, call.code))
            and (key_id in (None, call.key_id))
            and call.at >= since
            for call in self.calls
        )

    def start(self) -> None:
        """Listen; after `stop` it may be started again, with its faults and its record of calls.

        Raises: InputError when it listens already, which it goes on doing, and when the path is taken.
        """
        if self._server is not None:
            raise InputError(
                "the proxy listens already", where=str(self.address), next_step="start it once, or stop it before"
            )
        try:
            shared_loop().run(self._start())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop listening and end calls under way; a second stop does nothing."""
        shared_loop().run(self._stop())

    def drop_connections(self) -> None:
        """Close every live connection now."""
        shared_loop().run(self._drop())

    async def _drop(self) -> None:
        self._front.drop()

    async def _start(self) -> None:
        self._front.make_room()  # first of all, since gRPC takes the inner socket of whoever runs there already
        self._channel = grpc.aio.insecure_channel(self.upstream.target, options=CHANNEL_OPTIONS)
        forwarder = Forwarder(self._channel, self.faults, self._record, self._front.drop)
        self._server = grpc.aio.server(handlers=[forwarder], options=_SERVER_OPTIONS)
        self._bind_inner(self._server)
        await self._server.start()
        await self._front.open()

    def _remove_inner(self) -> None:
        if not self._inner.abstract:
            Path(self._inner.name).unlink(missing_ok=True)

    def _bind_inner(self, server: grpc.aio.Server) -> None:
        try:
            server.add_insecure_port(self._inner.target)
            if not self._inner.abstract:
                Path(self._inner.name).chmod(0o600)
        except (RuntimeError, OSError) as error:
            raise InputError("the proxy cannot listen there", seen=str(error), where=str(self._inner)) from error

    async def _stop(self) -> None:
        await self._front.close()
        server, channel, self._server, self._channel = self._server, self._channel, None, None
        if server is not None:
            await server.stop(0)
            self._remove_inner()
        if channel is not None:
            await channel.close()
