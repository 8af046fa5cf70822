"""Build provenance in the form other tools read: an in-toto statement with SLSA's predicate, made from provenance.json.

The statements are not signed: whoever publishes a program signs its statement with a key of their own.
Source: in-toto Attestation Framework, Statement v1, ResourceDescriptor and DigestSet; SLSA v1.0, Provenance.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

FOLDER: Final = "attestations"
ENDING: Final = ".intoto.json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "urn:kms-e2e:go-build:v1"
"""One `go build` of one main package; docs/supply-chain.md describes the parameters."""

_BUILDER: Final = "urn:kms-e2e:builder"

Json = dict[str, Any]


def statements(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield a file name and a statement as text for every program of a provenance.json that was built.

    A program that was taken as it is (an official binary, an image's) has none: its builder says where it is from.
    """
    for artifact in document["artifacts"]:
        if "argv" in artifact:
            text = json.dumps(_statement(document, artifact), indent=2) + "\n"
            yield f"{artifact['name']}{ENDING}", text


def _statement(document: Mapping[str, Any], artifact: Mapping[str, Any]) -> Json:
    place = "container" if document["bootstrap"] == ["container"] else "host"
    return {
        "_type": STATEMENT,
        "subject": [{"name": artifact["name"], "digest": {"sha256": artifact["sha256"]}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "package": artifact["package"],
                    "version": artifact["version"],
                    "goVersion": artifact["go_version"],
                    "platform": document["platform"],
                },
                "internalParameters": {"argv": artifact["argv"], "environment": artifact["environment"]},
                "resolvedDependencies": list(_dependencies(document, artifact)),
            },
            "runDetails": {"builder": {"id": f"{_BUILDER}:{place}", "version": {"kms-e2e": document["kms_e2e"]}}},
        },
    }


def _dependencies(document: Mapping[str, Any], artifact: Mapping[str, Any]) -> Iterator[Json]:
    for toolchain in document["toolchains"]:
        if toolchain["name"] == f"go{artifact['go_version']}":
            version = f"v0.0.1-{toolchain['name']}.{toolchain['platform'].replace('/', '-')}"
            yield _module("golang.org/toolchain", version, toolchain["h1"])
    for name in ("go.mod", "go.sum"):
        if digest := artifact[f"{name.replace('.', '_')}_sha256"]:
            yield {"name": name, "digest": {"sha256": digest}}
    for line in artifact["modules"]:
        module, checksum = line.split(" ")
        path, _, version = module.rpartition("@")
        if version != "(devel)":
            yield _module(path, version, checksum)


def _module(path: str, version: str, checksum: str) -> Json:
    described: Json = {"uri": f"pkg:golang/{quote(path)}@{quote(version)}"}
    if digest := dir_hash(checksum):
        described["digest"] = {"dirHash": digest}
    return described


def dir_hash(checksum: str) -> str:
    """Return go.sum's `h1:` checksum as in-toto writes it, in hexadecimal; empty for none."""
    try:
        return base64.b64decode(checksum.removeprefix("h1:"), validate=True).hex() if checksum[:3] == "h1:" else ""
    except binascii.Error:
        return ""
