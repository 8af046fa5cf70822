"""The limits that kube-apiserver checks a plugin's replies against, as functions that name what is wrong.

Each returns one sentence, or an empty text when the value is acceptable.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

API_VERSIONS: Final = ("v2", "v2beta1")
"""Source: kubernetes/apiserver envelope/kmsv2/envelope.go, KMSAPIVersionv2 and KMSAPIVersionv2beta1."""

HEALTHY: Final = "ok"
"""Source: k8s.io/kms apis/v2/api.proto, StatusResponse.healthz."""

KEY_ID_MAX_BYTES: Final = 1024
"""Source: kubernetes/apiserver envelope/kmsv2/envelope.go, KeyIDMaxSize."""

CIPHERTEXT_MAX_BYTES: Final = 1024
"""Source: kubernetes/apiserver envelope/kmsv2/envelope.go, encryptedDEKSourceMaxSize."""

ANNOTATIONS_MAX_BYTES: Final = 32 * 1024
"""Keys and values together. Source: kubernetes/apiserver envelope/kmsv2/envelope.go, annotationsMaxSize."""

SEED_BYTES: Final = 32
"""What kube-apiserver asks a plugin to encrypt. Source: aes_extended_nonce.go, MinSeedSizeExtendedNonceGCM."""

_NAME_MAX: Final = 253
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def key_id_problem(key_id: str) -> str:
    """Say why kube-apiserver would refuse this keyID. Source: envelope.go, ValidateKeyID."""
    size_bytes = len(key_id.encode())
    if size_bytes == 0:
        return "the keyID is empty"
    if size_bytes > KEY_ID_MAX_BYTES:
        return f"the keyID has {size_bytes} bytes, more than {KEY_ID_MAX_BYTES}"
    return ""


def key_id_hash(key_id: str) -> str:
    """Return a keyID as kube-apiserver's metrics show it. Source: apiserver envelope/metrics/metrics.go."""
    return "sha256:" + hashlib.sha256(key_id.encode(errors="surrogateescape")).hexdigest()


def ciphertext_problem(ciphertext: bytes) -> str:
    """Say why kube-apiserver would refuse this wrapped DEK seed. Source: envelope.go, validateEncryptedDEKSource."""
    if not ciphertext:
        return "the ciphertext is empty"
    if len(ciphertext) > CIPHERTEXT_MAX_BYTES:
        return f"the ciphertext has {len(ciphertext)} bytes, more than {CIPHERTEXT_MAX_BYTES}"
    return ""


def annotations_problem(annotations: Mapping[str, bytes]) -> str:
    """Say why kube-apiserver would refuse these annotations. Source: envelope.go, validateAnnotations."""
    for key in annotations:
        if not is_domain_name(key):
            return f"the annotation key {key!r} is not a fully qualified domain name"
    size_bytes = sum(len(key.encode()) + len(value) for key, value in annotations.items())
    if size_bytes > ANNOTATIONS_MAX_BYTES:
        return f"the annotations have {size_bytes} bytes, more than {ANNOTATIONS_MAX_BYTES}"
    return ""


def is_domain_name(name: str) -> bool:
    """Tell whether a name has two or more DNS labels; one final dot is allowed.

    Source: apimachinery pkg/util/validation, IsFullyQualifiedDomainName and IsDNS1123Subdomain.
    """
    name = name.removesuffix(".")
    labels = name.split(".")
    return len(name) <= _NAME_MAX and len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels)
