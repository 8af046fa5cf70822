"""Faults that edit the plugin's replies: other fields, damaged bytes, another keyID."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from pipeline.harness.kms import kms_v2_pb2
from pipeline.harness.proxy.faults import Call, Fault, Memory


class Damage(StrEnum):
    """What can be done to the bytes of a reply."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    FLIPPED = "flipped"
    OVERSIZE = "oversize"
    PLAINTEXT = "plaintext"


@dataclass(frozen=True, slots=True)
class EditStatus(Fault):
    """Status replies with other fields; None leaves a field as the plugin gave it."""

    applies_to: ClassVar[tuple[str, ...]] = ("Status",)

    version: str | None = None
    healthz: str | None = None
    key_id: str | None = None

    def edit(self, call: Call, reply: bytes, memory: Memory) -> bytes:  # noqa: ARG002
        """Replace fields of a StatusResponse."""
        message = kms_v2_pb2.StatusResponse.FromString(reply)
        message.version = message.version if self.version is None else self.version
        message.healthz = message.healthz if self.healthz is None else self.healthz
        message.key_id = message.key_id if self.key_id is None else self.key_id
        return message.SerializeToString()


@dataclass(frozen=True, slots=True)
class EditEncrypt(Fault):
    """Encrypt replies with other fields; None leaves a field. An empty mapping drops the annotations."""

    applies_to: ClassVar[tuple[str, ...]] = ("Encrypt",)

    key_id: str | None = None
    ciphertext: Damage | None = None
    annotations: Mapping[str, bytes] | None = None

    def edit(self, call: Call, reply: bytes, memory: Memory) -> bytes:  # noqa: ARG002
        """Replace fields of an EncryptResponse."""
        message = kms_v2_pb2.EncryptResponse.FromString(reply)
        message.key_id = message.key_id if self.key_id is None else self.key_id
        if self.ciphertext is not None:
            plaintext = kms_v2_pb2.EncryptRequest.FromString(call.request).plaintext
            message.ciphertext = damaged(message.ciphertext, self.ciphertext, plaintext)
        if self.annotations is not None:
            message.annotations.clear()
            for key, value in self.annotations.items():
                message.annotations[key] = value
        return message.SerializeToString()


@dataclass(frozen=True, slots=True)
class EditDecrypt(Fault):
    """Decrypt replies with damaged plaintext."""

    applies_to: ClassVar[tuple[str, ...]] = ("Decrypt",)

    plaintext: Damage = Damage.FLIPPED

    def edit(self, call: Call, reply: bytes, memory: Memory) -> bytes:  # noqa: ARG002
        """Damage the plaintext of a DecryptResponse."""
        message = kms_v2_pb2.DecryptResponse.FromString(reply)
        message.plaintext = damaged(message.plaintext, self.plaintext, message.plaintext)
        return message.SerializeToString()


@dataclass(frozen=True, slots=True)
class RenameKey(Fault):
    """The plugin's keyID shows with a suffix in Status and Encrypt alike: a rotation without the plugin's help.

    With `churn`, each Status has a new keyID and Encrypt follows the last one. The proxy translates such
    keyIDs back in Decrypt, also after the fault is cleared.
    """

    applies_to: ClassVar[tuple[str, ...]] = ("Status", "Encrypt")

    suffix: str = "-renamed"
    churn: bool = False

    def edit(self, call: Call, reply: bytes, memory: Memory) -> bytes:
        """Rename the key of a StatusResponse or EncryptResponse."""
        if call.method == "Status":
            status = kms_v2_pb2.StatusResponse.FromString(reply)
            status.key_id += f"{self.suffix}{memory.hits}" if self.churn else self.suffix
            memory.key_id = status.key_id
            return status.SerializeToString()
        encrypted = kms_v2_pb2.EncryptResponse.FromString(reply)
        encrypted.key_id = memory.key_id if self.churn and memory.key_id else encrypted.key_id + self.suffix
        return encrypted.SerializeToString()


def damaged(data: bytes, damage: Damage, plaintext: bytes) -> bytes:
    """Return the bytes with one kind of damage; OVERSIZE is one byte more than kube-apiserver takes (1024)."""
    middle = len(data) // 2
    match damage:
        case Damage.EMPTY:
            return b""
        case Damage.TRUNCATED:
            return data[:middle]
        case Damage.FLIPPED:
            return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if data else b"\1"
        case Damage.OVERSIZE:
            return data.ljust(1025, b"\0")[:1025]
        case Damage.PLAINTEXT:
            return plaintext


def oversize_annotations() -> dict[str, bytes]:
    """Return annotations of 32 KiB and one byte, keys included."""
    key = "oversize.kms.example.com"
    return {key: b"x" * (32 * 1024 + 1 - len(key))}
