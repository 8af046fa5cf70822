"""What provenance.json says about the binaries under test."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.core.result import Artifact

PLUGIN_ARTIFACT: Final = "kms-plugin"
_KMS_MODULE: Final = "k8s.io/kms@"


@dataclass(frozen=True, slots=True)
class Provenance:
    """The part of provenance.json that a report repeats; a field that the file does not name is empty."""

    artifacts: tuple[Artifact, ...] = ()
    kubernetes: str = ""
    go_version: str = ""
    go_version_source: str = ""
    platform: str = ""
    kms_version: str = ""


def read_provenance(path: Path, notes: list[str]) -> Provenance:
    """Return what a provenance.json says, artifacts sorted by name; what cannot be read is said in `notes`."""
    if not path.is_file():
        return Provenance()
    try:
        document = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except ValueError as error:
        notes.append(f"{path.name}: cannot be read: {error}")
        return Provenance()
    if not isinstance(document, Mapping):
        document = {}
    artifacts = tuple(sorted(_artifacts(document), key=lambda artifact: artifact.name))
    if not artifacts:
        notes.append(f"{path.name}: names no artifact with a sha256")
    return Provenance(
        artifacts,
        kubernetes=_text(document, "kubernetes"),
        go_version=_text(document, "go_version"),
        go_version_source=_text(document, "go_version_source"),
        platform=_text(document, "platform"),
        kms_version=_kms_version(document),
    )


def _kms_version(document: Mapping[str, object]) -> str:
    """Return the version of k8s.io/kms that the plugin was built from, empty when it is not a Go plugin that has it."""
    entries = document.get("artifacts")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, Mapping) and entry.get("name") == PLUGIN_ARTIFACT:
            modules = entry.get("modules")
            for module in modules if isinstance(modules, list) else []:
                if str(module).startswith(_KMS_MODULE):
                    return str(module).removeprefix(_KMS_MODULE).partition(" ")[0]
    return ""


def _artifacts(document: Mapping[str, object]) -> Iterator[Artifact]:
    entries = document.get("artifacts")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, Mapping) and _text(entry, "sha256"):
            yield Artifact(*(_text(entry, name) for name in ("name", "sha256", "version", "go_version")))


def _text(entry: Mapping[str, object], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""
