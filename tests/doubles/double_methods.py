"""The three methods of the double, healthy or with one fault (see kms_plugin.py)."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from pathlib import Path
from typing import Final

import grpc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pipeline.harness.kms import kms_v1beta1_pb2 as v1
from pipeline.harness.kms import kms_v2_pb2 as v2

FAULTS: Final = {
    "never-listens": "starts, and never opens its socket",
    "listens-elsewhere": "opens a socket beside the one it was given",
    "regular-file": "makes a regular file where the socket should be",
    "world-writable": "leaves the socket open to everybody",
    "late-chmod": "narrows the socket's mode some time after it listens",
    "dies-under-umask-077": "ends when nobody else may read what it creates",
    "version": "Status says version v3",
    "unhealthy": "Status says that it is not well",
    "empty-key-id": "Status and Encrypt have no keyID",
    "long-key-id": "the keyID has 1025 bytes",
    "flip-flop": "the keyID changes back and forth",
    "version-flip": "the version changes between v2 and v2beta1",
    "status-error": "each Status but the first ends with an error",
    "status-bills": "each Status uses the key",
    "key-id-by-start": "the keyID holds the time of the start",
    "empty-ciphertext": "Encrypt returns nothing",
    "long-ciphertext": "Encrypt returns 1025 bytes",
    "plaintext": "Encrypt returns the plaintext",
    "encodes": "Encrypt returns the plaintext as base64",
    "other-key-id": "Encrypt names another key than Status",
    "annotation-no-domain": "an annotation's key is no domain name",
    "annotation-oversize": "the annotations have more than 32 KiB",
    "annotation-plaintext": "an annotation holds the plaintext",
    "deterministic": "the same plaintext gives the same ciphertext",
    "bound-to-uid": "decrypts only for the uid that encrypted",
    "wrong-plaintext": "Decrypt returns other bytes",
    "mixes-up": "concurrent Decrypts get each other's plaintext",
    "caches-by-key-id": "Decrypt answers from a cache by keyID alone",
    "ignores-key-id": "Decrypt takes any keyID",
    "no-authentication": "Decrypt does not notice altered ciphertext",
    "ignores-annotations": "Decrypt does not notice altered annotations",
    "dies-on-short": "ends when a ciphertext is short",
    "dies-on-large": "ends when a request is larger than 64 KiB",
    "answers-malformed": "Decrypt of malformed ciphertext returns bytes",
    "leaks": "each cancelled call leaves a thread and a descriptor",
    "keeps-stale-socket": "refuses to start where a socket was left behind",
    "forgets-keys": "makes a new key at each start",
    "steals-live-socket": "replaces the socket of a live process",
    "deletes-file": "deletes a regular file at its socket's path",
    "hangs-on-stop": "does not stop while a call hangs",
    "own-keys": "a second process has keys of its own",
    "logs-plaintext": "logs what it encrypts, as base64",
    "metrics-plaintext": "shows what it encrypts in its metrics",
    "grows": "keeps 64 KiB of memory for each Encrypt",
    "overloaded": "refuses more than 20 calls at once",
    "slow": "takes 200 ms for each call",
    "v1-only": "speaks KMS v1 and not v2",
    "escape-in-healthz": "its healthz clears the terminal",
    "hangs-in-status": "never answers Status",
    "encrypts-with-first-key": "Encrypt goes on with the key of the start after a rotation",
    "repeats-ciphertext": "Encrypt returns its first ciphertext for ever",
    "newest-key-only": "Decrypt takes the newest key only",
    "two-newest-keys": "Decrypt takes the two newest keys only",
    "reinstates-key-id": "a reinstated key has its old keyID",
}
_ANNOTATION: Final = "version.double.example.com"
_NONCE: Final = 12
_KEPT: Final = {"newest-key-only": 1, "two-newest-keys": 2}


class Backend:
    """The key ring, and the count of its uses (what a cloud would bill)."""

    def __init__(self, state: Path, fault: str) -> None:
        self.state = state
        self.fault = fault
        self.path = state / (f"ring-{os.getpid()}.json" if fault == "own-keys" else "ring.json")
        if not self.path.exists() or fault == "forgets-keys":
            self.path.write_text(json.dumps([base64.b64encode(os.urandom(32)).decode()]))
        self.started = time.time_ns()
        (state / "uses").touch()
        (state / "metrics.txt").touch()

    @property
    def keys(self) -> list[bytes]:
        return [base64.b64decode(key) for key in json.loads(self.path.read_text())]

    def rotate(self) -> None:
        self.path.write_text(json.dumps([base64.b64encode(key).decode() for key in [*self.keys, os.urandom(32)]]))

    def reinstate(self, key_id: str) -> None:
        """Make an old key the active one under its old keyID, which is what a plugin must not do."""
        keys = sorted(self.keys, key=lambda key: self.name(key) == key_id)
        self.path.write_text(json.dumps([base64.b64encode(key).decode() for key in keys]))

    def used(self) -> None:
        with (self.state / "uses").open("a") as uses:
            uses.write("x")

    def current(self) -> tuple[str, bytes]:
        keys = self.keys
        return self.name(keys[-1]), keys[-1]

    def name(self, key: bytes) -> str:
        suffix = f"-{self.started}" if self.fault == "key-id-by-start" else ""
        return "double-" + key.hex()[:8] + suffix  # a test's key; a real plugin shows no part of one

    def find(self, key_id: str) -> bytes | None:
        if self.fault in ("ignores-key-id", "key-id-by-start", "empty-key-id", "long-key-id", "other-key-id"):
            return self.keys[-1]
        keys = self.keys[-_KEPT.get(self.fault, 0) :]
        return next((key for key in keys if self.name(key) == key_id), None)


class Plugin:
    """The three methods, each with its faults."""

    def __init__(self, backend: Backend, fault: str) -> None:
        self.backend = backend
        self.fault = fault
        self.calls = 0
        self.in_flight: list[bytes] = []
        self.first = b""
        self.first_key = backend.current()
        self.kept: list[bytes] = []
        self.cache: dict[str, bytes] = {}

    async def status(self, request: v2.StatusRequest) -> v2.StatusResponse:
        self.calls += 1
        if self.fault == "status-error" and self.calls > 1:
            raise Failed(grpc.StatusCode.INTERNAL, "status is not well")
        if self.fault == "hangs-in-status":
            await asyncio.Event().wait()
        if self.fault == "status-bills":
            self.backend.used()
        return v2.StatusResponse(version=self.version(), healthz=self.healthz(), key_id=self.status_key_id())

    def version(self) -> str:
        if self.fault == "version-flip":
            return ("v2", "v2beta1")[self.calls % 2]
        return "v3" if self.fault == "version" else "v2"

    def healthz(self) -> str:
        if self.fault == "escape-in-healthz":
            return "\x1b[2J[red]not well"
        return "the double is not well" if self.fault == "unhealthy" else "ok"

    def status_key_id(self) -> str:
        key_id = self.key_id()
        return f"{key_id}-{self.calls // 100 % 2}" if self.fault == "flip-flop" else key_id

    def key_id(self) -> str:
        if self.fault == "long-key-id":
            return "k" * 1025
        return "" if self.fault == "empty-key-id" else self.backend.current()[0]

    async def encrypt(self, request: v2.EncryptRequest) -> v2.EncryptResponse:
        self.backend.used()
        if self.fault == "grows":
            self.kept.append(os.urandom(64 * 1024))
        if self.fault == "logs-plaintext":
            print(json.dumps({"method": "Encrypt", "data": base64.b64encode(request.plaintext).decode()}), flush=True)
        if self.fault == "metrics-plaintext":
            (self.backend.state / "metrics.txt").write_text(f'double_last{{data="{request.plaintext.hex()}"}} 1\n')
        key_id, key = self.encrypting()
        ciphertext = self.sealed(key, request)
        return v2.EncryptResponse(ciphertext=ciphertext, key_id=key_id, annotations=self.annotations(request))

    def encrypting(self) -> tuple[str, bytes]:
        if self.fault == "encrypts-with-first-key":
            return self.first_key
        return "another-key" if self.fault == "other-key-id" else self.key_id(), self.backend.current()[1]

    def sealed(self, key: bytes, request: v2.EncryptRequest) -> bytes:
        nonce = b"\0" * _NONCE if self.fault == "deterministic" else os.urandom(_NONCE)
        if self.fault == "no-authentication":
            return nonce + _ctr(key, nonce, request.plaintext)
        sealed = nonce + AESGCM(key).encrypt(nonce, request.plaintext, self.bound(request.uid, b"1"))
        self.first = self.first or sealed
        if self.fault == "repeats-ciphertext":
            return self.first
        if self.fault == "empty-ciphertext":
            return b""
        if self.fault in ("plaintext", "encodes"):
            return request.plaintext if self.fault == "plaintext" else base64.b64encode(request.plaintext)
        return sealed.ljust(1025, b"\0") if self.fault == "long-ciphertext" else sealed

    def bound(self, uid: str, marker: bytes) -> bytes:
        if self.fault == "ignores-annotations":
            return b""
        return uid.encode() if self.fault == "bound-to-uid" else marker

    def annotations(self, request: v2.EncryptRequest) -> dict[str, bytes]:
        match self.fault:
            case "annotation-no-domain":
                return {_ANNOTATION: b"1", "Not A Domain": b"1"}
            case "annotation-oversize":
                return {_ANNOTATION: b"1", "big.double.example.com": b"x" * 32 * 1024}
            case "annotation-plaintext":
                return {_ANNOTATION: b"1", "debug.double.example.com": b"seed=" + request.plaintext}
        return {_ANNOTATION: b"1"}

    async def decrypt(self, request: v2.DecryptRequest) -> v2.DecryptResponse:
        self.backend.used()
        self.die_if_asked(request)
        if self.fault == "answers-malformed" and len(request.ciphertext) <= _NONCE:
            return v2.DecryptResponse(plaintext=b"\0" * 32)
        key = self.backend.find(request.key_id)
        if key is None:
            raise Failed(grpc.StatusCode.NOT_FOUND, "no such key")
        return v2.DecryptResponse(plaintext=await self.opened(key, request))

    def die_if_asked(self, request: v2.DecryptRequest) -> None:
        short = self.fault == "dies-on-short" and len(request.ciphertext) < _NONCE
        if short or (self.fault == "dies-on-large" and len(request.ciphertext) > 64 * 1024):
            os._exit(2)

    async def opened(self, key: bytes, request: v2.DecryptRequest) -> bytes:
        if self.fault == "encodes":
            return base64.b64decode(request.ciphertext)
        nonce, sealed = request.ciphertext[:_NONCE], request.ciphertext[_NONCE:]
        if self.fault == "no-authentication":
            return _ctr(key, nonce.ljust(_NONCE, b"\0"), sealed)
        marker = dict(request.annotations).get(_ANNOTATION, b"")
        try:
            plaintext = AESGCM(key).decrypt(nonce, sealed, self.bound(request.uid, marker))
        except (InvalidTag, ValueError) as error:
            raise Failed(grpc.StatusCode.INVALID_ARGUMENT, "not a ciphertext of this key") from error
        if self.fault == "wrong-plaintext":
            return plaintext[::-1]
        if self.fault == "caches-by-key-id":
            return self.cache.setdefault(request.key_id, plaintext)
        return await self.mixed_up(plaintext) if self.fault == "mixes-up" else plaintext

    async def mixed_up(self, plaintext: bytes) -> bytes:
        self.in_flight.append(plaintext)
        await asyncio.sleep(0.02)
        return self.in_flight.pop()

    async def version_v1(self, request: v1.VersionRequest) -> v1.VersionResponse:
        return v1.VersionResponse(version="v1beta1", runtime_name="double", runtime_version="0.1.0")


class Failed(Exception):
    """Ends a call with a gRPC status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


def _ctr(key: bytes, nonce: bytes, data: bytes) -> bytes:
    stream = Cipher(algorithms.AES(key), modes.CTR(nonce + b"\0" * 4)).encryptor()
    return stream.update(data) + stream.finalize()
