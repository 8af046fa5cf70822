"""Secrets sealed by our own encoder and put straight into etcd: older formats, and many at once."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.kms import EncryptReply
from pipeline.harness.storage import KEY_BYTES, DekSourceType, EncryptedObject, encode, seal
from pipeline.suite.support import Secret

# etcd takes 128 operations in one transaction (--max-txn-ops).
_BATCH: Final = 100
# Flags of a kube-apiserver that decrypts a Secret when it is read. With its watch cache it does so as soon as one is in
# etcd, and when it starts reads wait until the cache is filled, which unwraps ten seeds at a time (seen on 1.37.2).
NO_WATCH_CACHE: Final = ("--watch-cache-sizes=secrets#0",)
_HKDF: Final = DekSourceType.HKDF_SHA256_XNONCE_AES_GCM_SEED


@dataclass(frozen=True, slots=True)
class DekSource:
    """A DEK source of ours: its bytes, and as the plugin wrapped it."""

    plain: bytes
    wrapped: EncryptReply


def new_dek_source(plane: ControlPlane) -> DekSource:
    """Make a random DEK source and let the plugin wrap it."""
    plain = os.urandom(KEY_BYTES)
    return DekSource(plain, plane.plugin.client.encrypt(plain))


def stored_secret(plane: ControlPlane, secret: Secret, source: DekSource, kind: DekSourceType = _HKDF) -> bytes:
    """Return a raw value that kube-apiserver reads: a Secret sealed with this DEK source.

    The Secret is JSON, which kube-apiserver decodes as well as the protobuf that it writes itself.
    """
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": secret.name,
            "namespace": secret.namespace,
            "uid": f"uid-{secret.name}",
            "creationTimestamp": "2024-01-01T00:00:00Z",
        },
        "data": {"value": base64.b64encode(secret.value).decode()},
        "type": "Opaque",
    }
    return encode(
        EncryptedObject(
            provider=plane.options.provider,
            encrypted_data=seal(json.dumps(document).encode(), secret.key.encode(), source.plain, kind),
            key_id=source.wrapped.key_id,
            encrypted_dek_source=source.wrapped.ciphertext,
            annotations=source.wrapped.annotations,
            dek_source_type=kind,
        )
    )


def put_all(plane: ControlPlane, values: Iterable[tuple[str, bytes]]) -> None:
    """Write raw values in transactions of a hundred."""
    remaining: Iterator[tuple[str, bytes]] = iter(values)
    while batch := list(islice(remaining, _BATCH)):
        plane.etcd.put_many(batch)
