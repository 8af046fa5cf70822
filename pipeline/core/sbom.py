"""A software bill of materials of a Go program, in CycloneDX 1.5.

Source: the JSON form of cyclonedx.org/docs/1.5, and `golang` in the package URL types of github.com/package-url.
"""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import quote

from pipeline.core.go_binary import GoBinary, Module

_NOT_RELEASED: Final = "(devel)"


def cyclonedx(name: str, sha256: str, binary: GoBinary) -> str:
    """Return the bill of materials of program `name` as JSON text; the same program gives the same text."""
    toolchain = {
        "type": "platform",
        "name": "go",
        "version": binary.go_version.removeprefix("go"),
        "purl": f"pkg:golang/std@{binary.go_version.removeprefix('go')}",
    }
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "name": name, "hashes": [{"alg": "SHA-256", "content": sha256}]}
        },
        "components": [toolchain, *(_component(module) for module in binary.modules)],
    }
    return json.dumps(document, indent=2) + "\n"


def _component(module: Module) -> dict[str, object]:
    released = module.version != _NOT_RELEASED
    component: dict[str, object] = {"type": "library", "name": module.path}
    if released:
        component |= {"version": module.version, "purl": f"pkg:golang/{quote(module.path)}@{quote(module.version)}"}
    if module.checksum:
        component["properties"] = [{"name": "go.sum", "value": module.checksum}]
    return component
