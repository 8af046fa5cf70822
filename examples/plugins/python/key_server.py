"""A small key server: it holds the keys, so that the plugin never sees them, and counts what it is asked for.

    key_server.py serve --listen PATH --keys FILE
    key_server.py rotate --keys FILE
    key_server.py uses --keys FILE

A plugin's test can stop and start it, which is an outage of the plugin's backend.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from keys import KeyFile, Refused

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers one request a connection."""

    def __init__(self, keys: KeyFile, uses: Path) -> None:
        self.keys = keys
        self.uses = uses

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reply = await self.answer(json.loads(await reader.readline()))
        except (Refused, KeyError, ValueError) as error:
            reply = {"error": str(error)}
        writer.write(json.dumps(reply).encode() + b"\n")
        await writer.drain()
        writer.close()

    async def answer(self, request: dict[str, str]) -> dict[str, Any]:
        if request["op"] == "current":
            return {"key_id": await self.keys.current()}
        with self.uses.open("ab") as file:
            file.write(b".")
        data, context = base64.b64decode(request["data"]), base64.b64decode(request["context"])
        if request["op"] == "encrypt":
            key_id, sealed = await self.keys.encrypt(data, context)
            return {"key_id": key_id, "data": base64.b64encode(sealed).decode()}
        opened = await self.keys.decrypt(request["key_id"], data, context)
        return {"data": base64.b64encode(opened).decode()}


async def serve(listen: Path, server: Server) -> None:
    listen.unlink(missing_ok=True)  # its folder is its own
    os.umask(0o177)
    running = await asyncio.start_unix_server(server.handle, listen, limit=1 << 20)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    running.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("serve", "rotate", "uses"))
    parser.add_argument("--listen", type=Path, help="Unix socket to listen on")
    parser.add_argument("--keys", type=Path, required=True, help="file of the keys; made when it is not there")
    options = parser.parse_args()
    uses = options.keys.with_suffix(".uses")
    if options.command == "uses":
        print(uses.stat().st_size if uses.exists() else 0)
    elif options.command == "rotate":
        print(KeyFile(options.keys).rotate())
    else:
        asyncio.run(serve(options.listen, Server(KeyFile(options.keys), uses)))


if __name__ == "__main__":
    main()
