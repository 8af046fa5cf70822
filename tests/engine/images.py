"""Images that were exported as a file: their configuration and their files, without a container engine."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Image:
    """An OCI image: what a container of it gets, and its layers."""

    configuration: dict[str, Any]
    layers: tuple[Path, ...]

    def unpack(self, root: Path) -> None:
        """Lay the layers over each other."""
        for layer in self.layers:
            with tarfile.open(layer) as files:
                for member in files:
                    assert not Path(member.name).name.startswith(".wh."), "no layer takes a file away"
                    files.extract(member, root, filter="tar")

    def files(self) -> dict[str, tarfile.TarInfo]:
        """Return what the layers hold, by path."""
        found = {}
        for layer in self.layers:
            with tarfile.open(layer) as files:
                found.update({f"/{member.name.strip('./')}": member for member in files})
        return found


def read_image(file: Path) -> Image:
    """Read an image that `as-tarball export` wrote; its parts are put beside it."""
    blobs = file.with_suffix(".d")
    with tarfile.open(file) as archive:
        archive.extractall(blobs, filter="data")

    def blob(entry: dict[str, str]) -> Path:
        return blobs / "blobs" / entry["digest"].replace(":", "/")

    manifest = json.loads(blob(json.loads((blobs / "index.json").read_text())["manifests"][0]).read_text())
    configuration = json.loads(blob(manifest["config"]).read_text())["config"]
    return Image(configuration, tuple(blob(layer) for layer in manifest["layers"]))
