#!/usr/bin/env python3
"""A KMS v2 plugin in Python, to be copied: grpc.aio, AES-256-GCM, keys in a file or behind a key server.

    plugin.py serve --listen unix:///path (--keys FILE | --key-server PATH)
    plugin.py rotate --keys FILE

Source of what it keeps: k8s.io/kms apis/v2/api.proto and KEP-3299.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import stat
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import grpc.aio
import kms_v2_pb2 as v2
from google.protobuf.message import DecodeError, Message
from keys import KeyFile, Keys, KeyServer, Refused, Unavailable

MOST_BYTES = 1024  # of a ciphertext and a keyID, by api.proto
STOP_GRACE_S = 2.0
ANNOTATION = "algorithm.kms-plugin.example.com"
ANNOTATIONS = {ANNOTATION: b"AES-256-GCM"}
SERVICE = "/v2.KeyManagementService/"

Method = Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes]]


class Plugin(grpc.GenericRpcHandler):
    """The three calls of KMS v2."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.methods: dict[str, Method] = {
            SERVICE + "Status": self.status,
            SERVICE + "Encrypt": self.encrypt,
            SERVICE + "Decrypt": self.decrypt,
        }

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        method = self.methods.get(details.method)
        if method is None:
            return None

        async def handle(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
            try:
                return await method(request, context)
            except Unavailable as error:
                await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
            except (Refused, DecodeError) as error:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

        return grpc.unary_unary_rpc_method_handler(handle)

    async def status(self, _request: bytes, _context: grpc.aio.ServicerContext) -> bytes:
        return _bytes(v2.StatusResponse(version="v2", healthz="ok", key_id=await self.keys.current()))

    async def encrypt(self, data: bytes, _context: grpc.aio.ServicerContext) -> bytes:
        request = v2.EncryptRequest.FromString(data)
        if not request.plaintext:
            raise Refused("plaintext is empty")
        key_id, ciphertext = await self.keys.encrypt(request.plaintext, _bound(ANNOTATIONS))
        if len(ciphertext) > MOST_BYTES:
            raise Refused(f"the ciphertext would have {len(ciphertext)} bytes, more than {MOST_BYTES}")
        log("encrypted", request.uid, key_id)
        return _bytes(v2.EncryptResponse(ciphertext=ciphertext, key_id=key_id, annotations=ANNOTATIONS))

    async def decrypt(self, data: bytes, _context: grpc.aio.ServicerContext) -> bytes:
        request = v2.DecryptRequest.FromString(data)
        if not 0 < len(request.ciphertext) <= MOST_BYTES or not 0 < len(request.key_id.encode()) <= MOST_BYTES:
            raise Refused("ciphertext and key_id have 1 to 1024 bytes")
        context = _bound(dict(request.annotations))
        plaintext = await self.keys.decrypt(request.key_id, request.ciphertext, context)
        log("decrypted", request.uid, request.key_id)
        return _bytes(v2.DecryptResponse(plaintext=plaintext))


def log(what: str, uid: str, key_id: str) -> None:
    """Write one line with the uid of kube-apiserver's call, never a plaintext."""
    print(json.dumps({"ts": time.time(), "msg": what, "uid": uid, "key_id": key_id}), flush=True)


def make_room(path: Path) -> None:
    """Remove the socket of a dead process; leave everything else alone and end."""
    if not path.exists() and not path.is_symlink():
        return
    if not stat.S_ISSOCK(path.lstat().st_mode):
        sys.exit(f"{path} is there and no socket: it is not removed")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(str(path)) == 0:
            sys.exit(f"another process listens on {path}")
    path.unlink()


async def serve(path: Path, keys: Keys) -> None:
    make_room(path)
    os.umask(0o177)  # before the socket is there, or for a moment everybody could connect
    options = (("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 16 << 20))
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers((Plugin(keys),))
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await server.stop(STOP_GRACE_S)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("serve", "rotate"))
    parser.add_argument("--listen", help="unix:///path of the socket to listen on")
    parser.add_argument("--keys", type=Path, help="file of the keys; made when it is not there")
    parser.add_argument("--key-server", type=Path, help="Unix socket of a key server, in place of a file")
    options = parser.parse_args()
    if options.command == "rotate":
        print(KeyFile(options.keys).rotate())
        return
    keys: Keys = KeyServer(options.key_server) if options.key_server else KeyFile(options.keys)
    asyncio.run(serve(Path(options.listen.removeprefix("unix://")), keys))


def _bound(annotations: dict[str, bytes]) -> bytes:
    """Return annotations as one text, so that none can be altered without notice."""
    return json.dumps(sorted((name, value.hex()) for name, value in annotations.items())).encode()


def _bytes(message: Message) -> bytes:
    return message.SerializeToString()


if __name__ == "__main__":
    main()
