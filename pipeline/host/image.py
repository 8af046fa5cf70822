"""Unpack a container image: its root file system as a folder, and its entry point and user.

Sources: the OCI image specification (image-layout.md, config.md) and the manifest.json that
`docker save` writes.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pipeline.core.config.spec import ROOT_FOLDER, ImageStart
from pipeline.errors import InputError, MachineError
from pipeline.host.image_layers import apply_layer
from pipeline.host.source import file_digest

_Described = tuple[ImageStart, tuple[str, ...]]  # how it starts, and its layers in the archive, the lowest first


@dataclass(frozen=True, slots=True)
class ImagePart:
    """The root file system of an image archive, for a platform such as linux/amd64."""

    archive: Path
    platform: str

    @property
    def name(self) -> str:
        """Return its folder below the assets folder."""
        return ROOT_FOLDER

    def digest(self) -> str:
        """Return the digest of the archive."""
        return file_digest(self.archive)

    def read(self) -> ImageStart:
        """Return how the image starts.

        Raises: InputError when the archive is no image, or one of another platform.
        """
        with _opened(self.archive) as archive:
            return _described(archive, self.archive, self.platform)[0]

    def place(self, target: Path) -> None:
        """Unpack all layers into `target`.

        Raises: MachineError without root, which owners and chroot need; InputError for a layer that leaves the folder.
        """
        if os.geteuid() != 0:
            raise MachineError(
                "a plugin that is an image runs by chroot, which needs root",
                seen=f"uid {os.geteuid()}",
                where=str(self.archive),
                next_step="run it as root, or in containers: `dagger call kms-e-2-e`",
            )
        target.mkdir()
        with _opened(self.archive) as archive:
            for layer in _described(archive, self.archive, self.platform)[1]:
                apply_layer(_member(archive, layer), target, f"{self.archive}: {layer}")


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path) as archive:
            yield archive
    except (tarfile.TarError, EOFError) as error:
        raise _no_image(path, str(error)) from error


def _described(archive: tarfile.TarFile, path: Path, platform: str) -> _Described:
    names = set(archive.getnames())
    try:
        if "manifest.json" in names:
            manifest = _json(archive, "manifest.json")[0]
            config, layers = _json(archive, manifest["Config"]), tuple(manifest["Layers"])
        elif "index.json" in names:
            manifest = _manifest(archive, _json(archive, "index.json"), platform)
            config = _json(archive, _blob(manifest["config"]))
            layers = tuple(_blob(layer) for layer in manifest["layers"])
        else:
            raise _no_image(path, ", ".join(sorted(names)[:5]))
        _assert_platform(config, path, platform)
        started = config.get("config") or {}
        words = [*(started.get("Entrypoint") or []), *(started.get("Cmd") or [])]
        env = tuple((name, value) for name, _, value in (text.partition("=") for text in started.get("Env") or []))
        user, workdir = started.get("User") or "", started.get("WorkingDir") or ""
        return ImageStart(tuple(words), env, user, workdir), layers
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise _no_image(path, f"{type(error).__name__}: {error}") from error


def _manifest(archive: tarfile.TarFile, index: Mapping[str, Any], platform: str) -> Any:
    entries = index["manifests"]
    shown = ["{os}/{architecture}".format(**entry["platform"]) if "platform" in entry else "" for entry in entries]
    chosen = entries[shown.index(platform)] if platform in shown else entries[0]
    document = _json(archive, _blob(chosen))
    return _manifest(archive, document, platform) if "manifests" in document else document


def _assert_platform(config: Mapping[str, Any], path: Path, platform: str) -> None:
    found = f"{config['os']}/{config['architecture']}"
    if found != platform:
        raise InputError(
            "the plugin's image is of another platform",
            seen=found,
            wanted=platform,
            where=str(path),
            next_step=f"save the image for this one: docker pull --platform {platform} …, or run on such a machine",
        )


def _json(archive: tarfile.TarFile, name: str) -> Any:
    return json.load(_member(archive, name))


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    stream = archive.extractfile(name)
    if stream is None:
        raise ValueError(name)
    return stream


def _blob(descriptor: Mapping[str, Any]) -> str:
    return "blobs/" + str(descriptor["digest"]).replace(":", "/")


def _no_image(path: Path, seen: str) -> InputError:
    return InputError(
        "the plugin's image cannot be read",
        seen=seen,
        wanted="what `docker save` writes, or an OCI layout, as a tar archive",
        where=str(path),
        next_step="docker save IMAGE -o FILE",
    )
