"""A software bill of materials of a Go program, in SPDX 2.3 and in CycloneDX 1.5.

Both name the same parts by the same package URLs. Source: the JSON forms of the SPDX specification 2.3 and of
cyclonedx.org/docs/1.5, and `golang` in the package URL types of github.com/package-url.
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


def cyclonedx(name: str, sha256: str, binary: GoBinary) -> str:
    """Return the bill of materials of program `name` in CycloneDX; the same program gives the same text."""
    version = _go_version(binary)
    toolchain = {"type": "platform", "name": "go", "version": version, "purl": _purl("std", version)}
    program = {"type": "application", "name": name, "hashes": [{"alg": "SHA-256", "content": sha256}]}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": program},
        "components": [toolchain, *(_component(module) for module in binary.modules)],
    }
    return json.dumps(document, indent=2) + "\n"


def spdx(name: str, sha256: str, binary: GoBinary, *, tool: str, created: str) -> str:
    """Return the bill of materials of program `name` in SPDX.

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


def _component(module: Module) -> dict[str, object]:
    component: dict[str, object] = {"type": "library", "name": module.path}
    if module.version != _NOT_RELEASED:
        component |= {"version": module.version, "purl": _purl(module.path, module.version)}
    if module.checksum:
        component["properties"] = [{"name": "go.sum", "value": module.checksum}]
    return component


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
    version = _go_version(binary)
    return {
        "SPDXID": TOOLCHAIN,
        "name": "go",
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "externalRefs": [_reference(_purl("std", version))],
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
        package["externalRefs"] = [_reference(_purl(module.path, module.version))]
    if module.checksum:
        package["comment"] = f"go.sum {module.checksum}"
    return package


def _reference(purl: str) -> dict[str, str]:
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _go_version(binary: GoBinary) -> str:
    """Return the release, such as `1.26.10`, without the experiments that `go version` adds (`X:…`)."""
    return binary.go_version.removeprefix("go").split(" ")[0]


def _purl(path: str, version: str) -> str:
    return f"pkg:golang/{quote(path)}@{quote(version)}"
