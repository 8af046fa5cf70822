"""Objects with a seed that kube-apiserver has not seen, so that reading them needs the plugin's Decrypt."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
from typing import Final

from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.storage import encode, seal
from pipeline.suite.support import Secret, sealed

_SEED_BYTES: Final = 32


def put_with_new_seed(plane: ControlPlane, pattern: Secret, name: str) -> Secret:
    """Write a Secret straight into etcd, sealed as kube-apiserver does it but with a seed of its own.

    `pattern` is a Secret that kube-apiserver wrote; the new one has its value and its provider.
    """
    secret = Secret(pattern.namespace, name, pattern.value)
    seed = os.urandom(_SEED_BYTES)
    wrapped = plane.plugin.client.encrypt(seed)
    like = sealed(plane, pattern.key)
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": secret.namespace,
            "uid": "1",
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "data": {"value": base64.b64encode(secret.value).decode()},
        "type": "Opaque",
    }
    stored = dataclasses.replace(
        like,
        encrypted_data=seal(json.dumps(document).encode(), secret.key.encode(), seed),
        key_id=wrapped.key_id,
        encrypted_dek_source=wrapped.ciphertext,
        annotations=wrapped.annotations,
    )
    plane.etcd.put(secret.key, encode(stored))
    return secret
