"""A software bill of materials of a Go program, in SPDX 2.3 (CycloneDX: `pipeline.core.sbom`).

Source: the JSON form of the SPDX specification 2.3, and `golang` in the package URL types of github.com/package-url.
"""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import quote

from pipeline.core.go_binary import GoBinary, Module

ROOT: Final = "SPDXRef-program"
TOOLCHAIN: Final = "SPDXRef-go"
_NAMESPACE: Final = "https://spdx.org/spdxdocs"
_NOT_RELEASED: Final = "(devel)"


def spdx(name: str, sha256: str, binary: GoBinary, *, tool: str, created: str) -> str:
    """Return the bill of materials of program `name` as JSON text.

    `tool` names the creator (`kms-e2e-0.1.0`), `created` is the time in UTC (`2026-01-02T03:04:05Z`); with the same
    two, the same program gives the same text.
    """
    modules = [_package(f"SPDXRef-module-{number}", module) for number, module in enumerate(binary.modules, 1)]
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"{_NAMESPACE}/{quote(name, safe='')}-{sha256}",
        "creationInfo": {"created": created, "creators": [f"Tool: {tool}"]},
        "packages": [_program(name, sha256), _toolchain(binary), *modules],
        "relationships": [
            _relation("SPDXRef-DOCUMENT", "DESCRIBES", ROOT),
            _relation(TOOLCHAIN, "BUILD_TOOL_OF", ROOT),
            *(_relation(ROOT, "CONTAINS", f"SPDXRef-module-{number}") for number in range(1, len(modules) + 1)),
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _program(name: str, sha256: str) -> dict[str, object]:
    return {
        "SPDXID": ROOT,
        "name": name,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "primaryPackagePurpose": "APPLICATION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": sha256}],
    }


def _toolchain(binary: GoBinary) -> dict[str, object]:
    version = binary.go_version.removeprefix("go")
    return {
        "SPDXID": TOOLCHAIN,
        "name": "go",
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "externalRefs": [_reference(f"pkg:golang/std@{quote(version.split(' ')[0])}")],
    }


def _package(identifier: str, module: Module) -> dict[str, object]:
    package: dict[str, object] = {
        "SPDXID": identifier,
        "name": module.path,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
    }
    if module.version != _NOT_RELEASED:
        package["versionInfo"] = module.version
        package["externalRefs"] = [_reference(f"pkg:golang/{quote(module.path)}@{quote(module.version)}")]
    if module.checksum:
        package["comment"] = f"go.sum {module.checksum}"
    return package


def _reference(purl: str) -> dict[str, str]:
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
