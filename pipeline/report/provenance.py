"""The digests and versions of the binaries under test, as provenance.json names them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pipeline.core.result import Artifact

_LISTS: Final = ("artifacts", "binaries")
PLUGIN_ARTIFACT: Final = "kms-plugin"


def artifacts_of(path: Path, notes: list[str]) -> tuple[Artifact, ...]:
    """Return the artifacts of a provenance.json, sorted by name; what cannot be read is said in `notes`."""
    if not path.is_file():
        return ()
    try:
        document = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except ValueError as error:
        notes.append(f"{path.name}: cannot be read: {error}")
        return ()
    found = tuple(sorted(_entries(document), key=lambda artifact: artifact.name))
    if not found:
        notes.append(f"{path.name}: names no artifact with a sha256")
    return found


def _entries(document: object) -> Iterator[Artifact]:
    if not isinstance(document, Mapping):
        return
    for key in _LISTS:
        entries = document.get(key, [])
        if isinstance(entries, Mapping):
            entries = [{"name": name, **entry} for name, entry in entries.items() if isinstance(entry, Mapping)]
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, Mapping) and isinstance(entry.get("sha256"), str):
                yield Artifact(*(str(entry.get(name, "")) for name in ("name", "sha256", "version", "go_version")))
