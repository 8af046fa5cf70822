"""A KMS v2 plugin in Python that is healthy by default and broken in one way on request.

    python -m tests.doubles.kms_plugin --listen unix:///path --state DIR [--fault NAME]

Each fault is the negative twin of a scenario: it breaks one promise and keeps the others; `FAULTS` is the list.
The key ring (AES-256-GCM keys) is a file in the state folder; `--rotate` adds a key to it and ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from pipeline.harness.kms import SocketAddress, parse_address
from pipeline.harness.kms import kms_v1beta1_pb2 as v1
from pipeline.harness.kms import kms_v2_pb2 as v2
from tests.doubles.double_methods import FAULTS, Backend, Failed, Plugin

STOP_GRACE_S: Final = 1.0
Request = TypeVar("Request", bound=Message)
Method = Callable[[bytes], Awaitable[bytes]]


class Server(grpc.GenericRpcHandler):
    """Routes calls to the plugin; the faults of the transport are here."""

    def __init__(self, plugin: Plugin, fault: str) -> None:
        self.fault = fault
        self.running = 0
        if fault == "v1-only":
            path = "/v1beta1.KeyManagementService/"
            self.methods = {path + "Version": _typed(v1.VersionRequest, plugin.version_v1)}
            return
        path = "/v2.KeyManagementService/"
        self.methods = {
            path + "Status": _typed(v2.StatusRequest, plugin.status),
            path + "Encrypt": _typed(v2.EncryptRequest, plugin.encrypt),
            path + "Decrypt": _typed(v2.DecryptRequest, plugin.decrypt),
        }

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        method = self.methods.get(details.method)
        if method is None:
            return None

        async def handle(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            self.running += 1
            try:
                await self.hinder(details.method)
                return await method(request)
            except Failed as failed:
                context.set_code(failed.code)
                context.set_details(failed.details)
                return b""
            finally:
                self.running -= 1

        async def handle_leaking(
            requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
        ) -> bytes:
            with held():  # from the call's beginning, also when its request never comes
                return await handle(await anext(requests), context)

        if self.fault == "leaks":
            return grpc.stream_unary_rpc_method_handler(handle_leaking)
        return grpc.unary_unary_rpc_method_handler(handle)

    async def hinder(self, path: str) -> None:
        if self.fault == "overloaded":
            if self.running > 20:
                raise Failed(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls")
            await asyncio.sleep(0.05)
        if self.fault == "slow":
            await asyncio.sleep(0.2)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Hold a thread and a descriptor for a call, and give them back only when it ends well."""
    descriptor, over = os.dup(0), threading.Event()
    threading.Thread(target=over.wait, daemon=True).start()
    yield
    over.set()
    os.close(descriptor)


def _typed(kind: type[Request], method: Callable[[Request], Awaitable[Message]]) -> Method:
    async def call(data: bytes) -> bytes:
        return (await method(kind.FromString(data))).SerializeToString()

    return call


def make_room(address: SocketAddress, fault: str) -> None:
    """Remove a socket that nobody listens on; end when anything else is in the way."""
    path = Path(address.name)
    if address.abstract or not path.exists():
        return
    is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    if fault == "deletes-file" or (fault == "steals-live-socket" and is_socket):
        path.unlink()
        return
    if not is_socket or fault == "keeps-stale-socket" or is_live(path):
        sys.exit(f"{path} is in the way")
    path.unlink()


def is_live(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


async def serve(address: SocketAddress, state: Path, fault: str) -> None:
    make_room(address, fault)
    os.umask(0 if fault in ("world-writable", "late-chmod") else 0o177)
    server = grpc.aio.server(options=(("grpc.max_receive_message_length", 16 * 1024 * 1024), ("grpc.so_reuseport", 0)))
    server.add_generic_rpc_handlers((Server(Plugin(Backend(state, fault), fault), fault),))
    server.add_insecure_port(address.target + (".elsewhere" if fault == "listens-elsewhere" else ""))
    await server.start()
    if fault == "late-chmod":
        await asyncio.sleep(1)  # long enough to be seen on a busy machine
        Path(address.name).chmod(0o600)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await server.stop(3600 if fault == "hangs-on-stop" else STOP_GRACE_S)
    if not address.abstract:
        with contextlib.suppress(FileNotFoundError):
            Path(address.name).unlink()


def before_serving(address: SocketAddress, fault: str) -> None:
    """Do what goes wrong before the double listens."""
    before = os.umask(0)
    os.umask(before)
    if fault == "dies-under-umask-077" and before == 0o077:
        sys.exit("cannot work under umask 077")
    if fault == "regular-file":
        Path(address.name).touch()
    if fault in ("never-listens", "regular-file"):
        signal.pause()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", default="")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--fault", choices=["", *FAULTS], default="")
    parser.add_argument("--rotate", action="store_true")
    parser.add_argument("--reinstate", default="")
    options = parser.parse_args()
    if options.rotate:
        Backend(options.state, "").rotate()
        return
    if options.reinstate:
        Backend(options.state, "").reinstate(options.reinstate)
        return
    address = parse_address(options.listen)
    before_serving(address, options.fault)
    asyncio.run(serve(address, options.state, options.fault))


if __name__ == "__main__":
    main()
