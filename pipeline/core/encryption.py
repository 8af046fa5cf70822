"""EncryptionConfiguration: which resources kube-apiserver encrypts with which providers, in order.

Source: k8s.io/apiserver pkg/apis/apiserver/v1 types_encryption.go and its validation.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

API_VERSION: Final = "apiserver.config.k8s.io/v1"
DEFAULT_KMS_TIMEOUT_S: Final = 3.0  # the same as kube-apiserver's own default (v1/defaults.go)


@dataclass(frozen=True, slots=True)
class KmsProvider:
    """A KMS plugin behind a Unix socket.

    `endpoint` is `unix:///path` or `unix:///@abstract`; `timeout_s` bounds one call, in seconds;
    `api_version` is "v2" or, for migrations only, "v1".
    """

    name: str
    endpoint: str
    timeout_s: float = DEFAULT_KMS_TIMEOUT_S
    api_version: str = "v2"

    def document(self) -> dict[str, object]:
        """Return the provider as the configuration file has it."""
        kms = {
            "apiVersion": self.api_version,
            "name": self.name,
            "endpoint": self.endpoint,
            "timeout": f"{round(self.timeout_s * 1000)}ms",
        }
        return {"kms": kms}


@dataclass(frozen=True, slots=True)
class LocalProvider:
    """A provider with a static key: `kind` is aescbc, aesgcm or secretbox; `secret` is the key in base64."""

    kind: str
    key_name: str
    secret: str

    def document(self) -> dict[str, object]:
        """Return the provider as the configuration file has it."""
        return {self.kind: {"keys": [{"name": self.key_name, "secret": self.secret}]}}


@dataclass(frozen=True, slots=True)
class Identity:
    """The provider that stores plaintext."""

    def document(self) -> dict[str, object]:
        """Return the provider as the configuration file has it."""
        return {"identity": {}}


Provider = KmsProvider | LocalProvider | Identity


@dataclass(frozen=True, slots=True)
class ResourceRule:
    """Resources (`secrets`, `*.apps`, `*.*`…) and their providers: the first one writes, all of them read."""

    resources: tuple[str, ...]
    providers: tuple[Provider, ...]


@dataclass(frozen=True, slots=True)
class EncryptionConfiguration:
    """An ordered list of rules; the first rule that matches a resource decides."""

    rules: tuple[ResourceRule, ...]

    def to_json(self) -> str:
        """Return the configuration file's text. JSON, which is YAML too, needs no library and has no surprises."""
        resources = [
            {"resources": list(rule.resources), "providers": [provider.document() for provider in rule.providers]}
            for rule in self.rules
        ]
        document = {"apiVersion": API_VERSION, "kind": "EncryptionConfiguration", "resources": resources}
        return json.dumps(document, indent=2) + "\n"


def encrypt(resources: Sequence[str], *providers: Provider) -> EncryptionConfiguration:
    """Return the usual configuration: one rule for `resources` with `providers` in order."""
    return EncryptionConfiguration((ResourceRule(tuple(resources), providers),))
