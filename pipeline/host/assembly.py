"""Put finished binaries, parts and what describes them into one folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.core.architectures import FOLDER
from pipeline.core.build_plan import PLUGIN_BINARY
from pipeline.core.config.spec import ROOT_FOLDER
from pipeline.core.plugin_spec import SECOND_FOLDER, PluginSpec
from pipeline.core.slsa import ENDING, statements
from pipeline.core.slsa import FOLDER as ATTESTATIONS
from pipeline.errors import MachineError
from pipeline.host.cache import BinaryCache, place, write_atomically
from pipeline.host.compile import Built
from pipeline.host.parts import Part, digest_of, place_parts, remove
from pipeline.host.paths import CachePaths
from pipeline.host.provenance import PROVENANCE_FILE

PLUGIN_FILE: Final = "plugin.json"


@dataclass(frozen=True, slots=True)
class Content:
    """What an assets folder is made of: binaries, parts, how to run the plugin, and the text of provenance.json."""

    binaries: Sequence[Built]
    parts: tuple[Part, ...]
    spec: PluginSpec | None
    document: str


def assemble(content: Content, paths: CachePaths, output: Path | None, *, with_plugin: bool) -> Path:
    """Make the folder, one of the cache without `output`, and return it; what an earlier run left there goes.

    Raises: MachineError when it cannot be written.
    """
    text = content.spec.to_json() if content.spec else None
    name = _name(content.document, text, digest_of(content.parts) if content.parts else "")
    folder = output.absolute() if output else paths.assets / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if text is None:
            (folder / PLUGIN_FILE).unlink(missing_ok=True)
        for earlier in (ROOT_FOLDER, SECOND_FOLDER, FOLDER, *(() if with_plugin else (PLUGIN_BINARY,))):
            remove(folder / earlier)
    except OSError as error:
        raise MachineError(
            "the assets folder cannot be made", seen=str(error), where=str(folder), next_step="name another folder"
        ) from error
    for built in content.binaries:
        place(BinaryCache(paths).path(built.entry), folder / built.main.placed_as)
    place_parts(content.parts, folder)
    write_atomically(folder / PROVENANCE_FILE, content.document)
    _attest(content.document, folder / ATTESTATIONS)
    if text is not None:
        write_atomically(folder / PLUGIN_FILE, text)
    return folder


def _attest(document: str, folder: Path) -> None:
    """Write a statement for each program that was built; another run may write the same ones at this moment."""
    texts = dict(statements(json.loads(document)))
    try:
        folder.mkdir(exist_ok=True)
        for stale in (path for path in folder.iterdir() if path.name.endswith(ENDING) and path.name not in texts):
            stale.unlink(missing_ok=True)
    except OSError as error:
        raise MachineError("the attestations cannot be written", seen=str(error), where=str(folder)) from error
    for name, text in texts.items():
        write_atomically(folder / name, text)


def _name(document: str, spec: str | None, parts: str) -> str:
    """Name an assets folder in the cache by all that is in it, so that two different ones never share a folder."""
    return hashlib.sha256(f"{document}\0{spec}\0{parts}".encode()).hexdigest()[:16]
