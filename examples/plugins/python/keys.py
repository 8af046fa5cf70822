"""Where the key-encryption keys are: in a file of the plugin's own, or behind a key server on a Unix socket."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class Refused(Exception):
    """The key or the ciphertext cannot be used; asking again does not help."""


class Unavailable(Exception):
    """The keys cannot be reached now."""


class Keys(Protocol):
    """What the plugin needs of its keys."""

    async def current(self) -> str:
        """Return the id of the key that encrypts now."""

    async def encrypt(self, plaintext: bytes, context: bytes) -> tuple[str, bytes]:
        """Return the id of the current key, and the ciphertext bound to the context."""

    async def decrypt(self, key_id: str, ciphertext: bytes, context: bytes) -> bytes:
        """Return the plaintext. Raises Refused for an unknown key and for what was altered."""


class KeyFile:
    """AES-256 keys in a JSON file: the newest encrypts, all decrypt. Another process may add one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            self.rotate()

    async def current(self) -> str:
        return list(self._read())[-1]

    async def encrypt(self, plaintext: bytes, context: bytes) -> tuple[str, bytes]:
        key_id, key = list(self._read().items())[-1]
        nonce = os.urandom(NONCE_BYTES)
        return key_id, nonce + AESGCM(key).encrypt(nonce, plaintext, key_id.encode() + context)

    async def decrypt(self, key_id: str, ciphertext: bytes, context: bytes) -> bytes:
        key = self._read().get(key_id)
        if key is None:
            raise Refused(f"no key {key_id!r}")
        try:
            nonce, sealed = ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:]
            return AESGCM(key).decrypt(nonce, sealed, key_id.encode() + context)
        except (InvalidTag, ValueError) as error:
            raise Refused("the ciphertext does not open") from error

    def rotate(self) -> str:
        """Add a key and return its id; a reader sees the old or the new file, never half of one."""
        key_id = f"key-{secrets.token_hex(8)}"
        keys = {**(self._read() if self.path.exists() else {}), key_id: os.urandom(32)}
        temporary = self.path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({name: base64.b64encode(key).decode() for name, key in keys.items()}, file)
        temporary.replace(self.path)
        return key_id

    def _read(self) -> dict[str, bytes]:
        try:
            document = json.loads(self.path.read_text())
        except OSError as error:
            raise Unavailable(f"the key file: {error.strerror}") from error
        return {name: base64.b64decode(key) for name, key in document.items()}


class KeyServer:
    """A client of key_server.py: a JSON object a line, a connection a call."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def current(self) -> str:
        return str((await self._ask(op="current"))["key_id"])

    async def encrypt(self, plaintext: bytes, context: bytes) -> tuple[str, bytes]:
        reply = await self._ask(op="encrypt", data=_text(plaintext), context=_text(context))
        return reply["key_id"], base64.b64decode(reply["data"])

    async def decrypt(self, key_id: str, ciphertext: bytes, context: bytes) -> bytes:
        reply = await self._ask(op="decrypt", key_id=key_id, data=_text(ciphertext), context=_text(context))
        return base64.b64decode(reply["data"])

    async def _ask(self, **request: str) -> dict[str, Any]:
        try:
            reader, writer = await asyncio.open_unix_connection(self.path, limit=1 << 20)
            try:
                writer.write(json.dumps(request).encode() + b"\n")
                await writer.drain()
                line = await reader.readline()
            finally:
                writer.close()
            reply: dict[str, Any] = json.loads(line)
        except (OSError, ValueError) as error:
            raise Unavailable(f"the key server: {error or type(error).__name__}") from error
        if "error" in reply:
            raise Refused(reply["error"])
        return reply


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
