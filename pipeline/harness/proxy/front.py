"""The socket that kube-apiserver dials: it relays bytes to the proxy's gRPC server, or breaks connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import stat
from pathlib import Path
from typing import Final

from pipeline.errors import InputError
from pipeline.harness.kms import SocketAddress
from pipeline.harness.proxy.faults import ConnectionFault, HalfOpen, Refuse, WireGarbage

_BACKLOG: Final = 128
_CHUNK_BYTES: Final = 64 * 1024


class Front:
    """Listens on `address` and relays each connection to the socket `inner`. All methods run in one loop."""

    def __init__(self, address: SocketAddress, inner: SocketAddress) -> None:
        """Prepare; `open` listens."""
        self._address = address
        self._inner = inner
        self._server: asyncio.Server | None = None
        self._live: set[asyncio.StreamWriter] = set()
        self._relays: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._fault: ConnectionFault | None = None
        self._opened = False
        self.accepted = 0

    def make_room(self) -> None:
        """Remove a socket that nobody listens on. Raises: InputError when anything else has the path."""
        if not self._address.abstract:
            _make_room(Path(self._address.name))

    async def open(self) -> None:
        """Listen, mode 0600 from the first moment.

        Raises: InputError when the path is taken by a live socket or another file.
        """
        self._opened = True
        await self.apply(self._fault)

    async def close(self) -> None:
        """Stop listening, remove the socket's file and close live connections."""
        self._opened = False
        self._silence()

    def _silence(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            if not self._address.abstract:
                Path(self._address.name).unlink(missing_ok=True)
        self.drop()

    def drop(self) -> None:
        """Close every live connection at once."""
        for writer in tuple(self._live):
            writer.transport.abort()
        for relay in tuple(self._relays):
            relay.cancel()

    async def apply(self, fault: ConnectionFault | None) -> None:
        """Put a connection fault in place of the one before; None lets connections through."""
        self._fault = fault
        if isinstance(fault, HalfOpen):
            self._flowing.clear()
        else:
            self._flowing.set()
        if isinstance(fault, Refuse):
            self._silence()
        elif self._opened and self._server is None:
            listener = _bound(self._address)
            self._server = await asyncio.start_unix_server(self._relay, sock=listener, backlog=_BACKLOG)
        if isinstance(fault, WireGarbage):
            self.drop()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._live.add(writer)
        task = asyncio.current_task()
        if task is not None:
            self._relays.add(task)
            task.add_done_callback(self._relays.discard)
        try:
            if isinstance(self._fault, Refuse):
                return  # it was accepted just before nobody listened any more
            if isinstance(self._fault, WireGarbage):
                writer.write(self._fault.data)
                await writer.drain()
                return
            await self._flowing.wait()
            inner_reader, inner_writer = await asyncio.open_unix_connection(self._inner.kernel)
            self._live.add(inner_writer)
            try:
                await self._both_ways(reader, writer, inner_reader, inner_writer)
            finally:
                self._live.discard(inner_writer)
                inner_writer.close()
        except (OSError, asyncio.CancelledError):  # either side went away, or `drop` ended it
            pass
        finally:
            self._live.discard(writer)
            writer.close()

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        inner_reader: asyncio.StreamReader,
        inner_writer: asyncio.StreamWriter,
    ) -> None:
        ways = [
            asyncio.ensure_future(self._pump(reader, inner_writer)),
            asyncio.ensure_future(self._pump(inner_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(_CHUNK_BYTES):
            await self._flowing.wait()
            sink.write(data)
            await sink.drain()


def _bound(address: SocketAddress) -> socket.socket:
    """Return a bound socket; it does not listen yet, so nobody gets in before its mode is set."""
    if not address.abstract:
        _make_room(Path(address.name))
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(address.kernel)
        if not address.abstract:
            Path(address.name).chmod(0o600)
    except OSError as error:
        bound.close()
        raise InputError("the proxy cannot listen there", seen=str(error), where=str(address)) from error
    return bound


def _make_room(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise InputError("the proxy cannot listen there", seen="another file has this path", where=str(path))
        if _is_live(path):
            raise InputError("the proxy cannot listen there", seen="a process listens already", where=str(path))
        path.unlink()


def _is_live(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        return True
