"""What kube-apiserver stores in etcd, decoded and opened without kube-apiserver.

    k8s:enc:kms:v2:<provider>:<EncryptedObject>
    EncryptedObject.encryptedData = [32-byte info] 12-byte nonce, ciphertext, 16-byte tag

The DEK source is unwrapped by the plugin's Decrypt. With a seed (the default since Kubernetes 1.29) the
AES-GCM key is HKDF-Expand(SHA-256, seed, info); before, the DEK source was the key and there is no info.
The etcd key is the additional authenticated data, so a value moved to another key does not open.

Source: kubernetes/apiserver pkg/storage/value/encrypt/envelope/kmsv2/envelope.go,
pkg/storage/value/encrypt/aes/aes_extended_nonce.go and aes.go.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from google.protobuf.message import DecodeError

from pipeline.errors import KmsE2EError
from pipeline.harness.kms import EncryptReply, encrypted_object_pb2
from pipeline.harness.kms.contract import annotations_problem, ciphertext_problem, key_id_problem

INFO_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
KEY_BYTES: Final = 32
IDENTITY: Final = "identity"
"""The transformer of a plain value."""

ENCRYPTED_PREFIX: Final = b"k8s:enc:"
"""How each encrypted value begins."""

_AES_KEY_SIZES: Final = (16, 24, 32)


class StorageError(KmsE2EError):
    """A value of etcd is not what it should be: not encrypted, malformed, or it does not open."""


class DekSourceType(IntEnum):
    """How the DEK comes from the unwrapped DEK source. Source: apiserver kmsv2/v2/api.proto."""

    AES_GCM_KEY = 0
    HKDF_SHA256_XNONCE_AES_GCM_SEED = 1


@dataclass(frozen=True, slots=True)
class StoredForm:
    """How a value lies in etcd: `transformer` is `identity`, `aescbc:v1`, `kms:v1`, `kms:v2`…; `payload` the rest."""

    transformer: str
    provider: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class EncryptedObject:
    """A value that a KMS v2 provider wrote."""

    provider: str
    encrypted_data: bytes
    key_id: str
    encrypted_dek_source: bytes
    annotations: Mapping[str, bytes] = field(default_factory=dict)
    dek_source_type: DekSourceType = DekSourceType.HKDF_SHA256_XNONCE_AES_GCM_SEED

    @property
    def wrapped(self) -> EncryptReply:
        """Return the wrapped DEK source as the plugin's Encrypt returned it."""
        return EncryptReply(self.encrypted_dek_source, self.key_id, self.annotations)


class Decrypter(Protocol):
    """Something that unwraps a DEK source, such as KmsClient."""

    def decrypt(self, encrypted: EncryptReply) -> bytes:
        """Return the plaintext."""


def stored_form(value: bytes) -> StoredForm:
    """Split a raw etcd value into transformer, provider's name and payload; a plain value is `identity`.

    Raises: StorageError when the prefix of an encrypted value is cut off.
    """
    if not value.startswith(ENCRYPTED_PREFIX):
        return StoredForm(IDENTITY, "", value)
    parts = value.removeprefix(ENCRYPTED_PREFIX).split(b":", 3)
    if len(parts) != 4:  # noqa: PLR2004 - transformer, version, provider, payload
        raise StorageError(
            "the prefix of an encrypted value is cut off", seen=repr(value[:64]), wanted="k8s:enc:kms:v2:<provider>:…"
        )
    transformer, version, provider = (part.decode(errors="replace") for part in parts[:3])
    return StoredForm(f"{transformer}:{version}", provider, parts[3])


def decode(value: bytes) -> EncryptedObject:
    """Decode a raw etcd value that a KMS v2 provider wrote.

    Raises: StorageError when it is stored otherwise, is no EncryptedObject, or breaks a limit of the format.
    """
    form = stored_form(value)
    if form.transformer != "kms:v2":
        raise StorageError(
            "the value was not written by a KMS v2 provider", seen=form.transformer, wanted="k8s:enc:kms:v2:<provider>:"
        )
    try:
        message = encrypted_object_pb2.EncryptedObject.FromString(form.payload)
        kind = DekSourceType(message.encryptedDEKSourceType)
    except (DecodeError, ValueError) as error:
        raise StorageError("the value is no EncryptedObject", seen=f"{len(form.payload)} bytes: {error}") from error
    decoded = EncryptedObject(
        provider=form.provider,
        encrypted_data=message.encryptedData,
        key_id=message.keyID,
        encrypted_dek_source=message.encryptedDEKSource,
        annotations=dict(message.annotations),
        dek_source_type=kind,
    )
    _validate(decoded)
    return decoded


def encode(stored: EncryptedObject) -> bytes:
    """Return the raw etcd value.

    Raises: StorageError when a field breaks a limit of the format.
    """
    _validate(stored)
    message = encrypted_object_pb2.EncryptedObject(
        encryptedData=stored.encrypted_data,
        keyID=stored.key_id,
        encryptedDEKSource=stored.encrypted_dek_source,
        annotations=stored.annotations,
        encryptedDEKSourceType=stored.dek_source_type.name,
    )
    return b"k8s:enc:kms:v2:" + stored.provider.encode() + b":" + message.SerializeToString(deterministic=True)


def open_value(stored: EncryptedObject, dek_source: bytes, etcd_key: bytes) -> bytes:
    """Return the object's plaintext; `dek_source` is what the plugin's Decrypt returned.

    Raises: StorageError when the data is too short, the DEK source has another size, or the
    authentication fails (other etcd key, other DEK source, altered data).
    """
    head = INFO_BYTES if stored.dek_source_type is DekSourceType.HKDF_SHA256_XNONCE_AES_GCM_SEED else 0
    data = stored.encrypted_data
    if len(data) < head + NONCE_BYTES + TAG_BYTES:
        raise StorageError(
            "the encrypted data is too short",
            seen=f"{len(data)} bytes",
            wanted=f"at least {head + NONCE_BYTES + TAG_BYTES} bytes",
            where=etcd_key.decode(errors="replace"),
        )
    cipher = _cipher(stored.dek_source_type, dek_source, data[:head])
    nonce, sealed = data[head : head + NONCE_BYTES], data[head + NONCE_BYTES :]
    try:
        return cipher.decrypt(nonce, sealed, etcd_key)
    except InvalidTag as error:
        raise StorageError(
            "the value does not open: AES-GCM authentication failed",
            seen=f"keyID {stored.key_id!r}, {len(data)} bytes",
            wanted="data sealed with this DEK source for this etcd key",
            where=etcd_key.decode(errors="replace"),
        ) from error


def read_value(value: bytes, etcd_key: bytes, plugin: Decrypter) -> bytes:
    """Decode a raw etcd value, let the plugin unwrap its DEK source (with a fresh uid) and open it.

    Raises: StorageError as `decode` and `open_value` do; KmsCallError when the plugin refuses.
    """
    stored = decode(value)
    return open_value(stored, plugin.decrypt(stored.wrapped), etcd_key)


def seal(
    plaintext: bytes,
    etcd_key: bytes,
    dek_source: bytes,
    kind: DekSourceType = DekSourceType.HKDF_SHA256_XNONCE_AES_GCM_SEED,
) -> bytes:
    """Return the `encrypted_data` of an object, as kube-apiserver (or its older releases) would write it.

    Raises: StorageError when the DEK source has another size.
    """
    info = os.urandom(INFO_BYTES) if kind is DekSourceType.HKDF_SHA256_XNONCE_AES_GCM_SEED else b""
    nonce = os.urandom(NONCE_BYTES)
    return info + nonce + _cipher(kind, dek_source, info).encrypt(nonce, plaintext, etcd_key)


def _cipher(kind: DekSourceType, dek_source: bytes, info: bytes) -> AESGCM:
    if kind is DekSourceType.AES_GCM_KEY:
        if len(dek_source) not in _AES_KEY_SIZES:
            raise StorageError("the unwrapped DEK is no AES key", seen=f"{len(dek_source)} bytes", wanted="32 bytes")
        return AESGCM(dek_source)
    if len(dek_source) < KEY_BYTES:
        raise StorageError("the unwrapped seed is too short", seen=f"{len(dek_source)} bytes", wanted="32 bytes")
    return AESGCM(HKDFExpand(SHA256(), KEY_BYTES, info).derive(dek_source))


def _validate(stored: EncryptedObject) -> None:
    problem = (
        ("" if stored.encrypted_data else "the encrypted data is empty")
        or ciphertext_problem(stored.encrypted_dek_source)
        or key_id_problem(stored.key_id)
        or annotations_problem(stored.annotations)
    )
    if problem:
        raise StorageError("the EncryptedObject breaks a limit of its format", seen=problem)
