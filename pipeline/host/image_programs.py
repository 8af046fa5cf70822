"""The programs in a container image, put aside as files to be asked which Go built them; none of them is run.

Read are what `docker save` writes and OCI layouts, as archives or folders, of every platform. A layer is hostile input:
names in it are never used as paths of this machine, links are not followed, sizes are bounded.
Sources: the OCI image specification (image-layout.md, image-index.md, layer.md) and docker's manifest.json.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from pipeline.errors import InputError

LIMIT_BYTES: Final = 32 << 30
"""All files of one image together; the largest images of Go programs have a few GiB."""

JSON_LIMIT_BYTES: Final = 8 << 20
_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
_MAGIC: Final = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_CHUNK_BYTES: Final = 1 << 20
_SHA256: Final = "blobs/sha256/"
_ATTESTATION: Final = "vnd.docker.reference.type"

Open = Callable[[str], IO[bytes]]


def is_image(path: Path) -> bool:
    """Tell whether a path is an OCI layout as a folder, or an archive."""
    if path.is_dir():
        return (path / "index.json").is_file() or (path / "manifest.json").is_file()
    return path.is_file() and tarfile.is_tarfile(path)


def put_aside(image: Path, target: Path) -> dict[str, str]:
    """Copy every program of an image into the folder `target`; return its path in the image by the copy's name.

    What a later layer replaces or removes is not copied.

    Raises: InputError when it is no image, cannot be read, or a blob does not have the digest that it is named by.
    """
    found: dict[str, str] = {}
    try:
        with _opened(image) as read:
            for number, layers in enumerate(_images(read)):
                shelf = _Shelf(target, f"{number}-", LIMIT_BYTES)
                for layer in layers:
                    with read(layer) as stream:
                        _read_layer(stream, shelf, f"{image}: {layer}")
                found |= {name: path for path, name in shelf.programs.items()}
    except (tarfile.TarError, EOFError, OSError, KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            "an image cannot be read",
            seen=f"{type(error).__name__}: {error}"[:300],
            wanted="what `docker save` writes, or an OCI layout, as a folder or as a tar archive",
            where=str(image),
            next_step="docker save IMAGE -o FILE",
        ) from error
    return found


@dataclass(slots=True)
class _Shelf:
    """The programs of one image so far: the copy's name by path in the image."""

    folder: Path
    prefix: str
    bytes_left: int
    programs: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def forget(self, path: str, *, below: bool = True, itself: bool = True) -> None:
        gone = [name for name in self.programs if (itself and name == path) or (below and name.startswith(f"{path}/"))]
        for name in gone:
            del self.programs[name]

    def spend(self, size_bytes: int) -> None:
        self.bytes_left -= size_bytes
        if self.bytes_left < 0:
            raise ValueError(f"its files have more than {LIMIT_BYTES} bytes")

    def add(self, path: str, stream: IO[bytes]) -> None:
        """Copy a file when it looks like a program."""
        head = stream.read(4)
        if not head.startswith(_MAGIC):
            return
        self.count += 1
        name = f"{self.prefix}{self.count}"
        with (self.folder / name).open("wb") as copy:
            while head:
                copy.write(head)
                head = stream.read(_CHUNK_BYTES)
        (self.folder / name).chmod(0o755)  # the Go command looks at no other files of a folder
        self.programs[path] = name


@contextmanager
def _opened(image: Path) -> Iterator[Open]:
    if image.is_dir():
        yield _checked(lambda name: _inside(image, name).open("rb"))
        return
    with tarfile.open(image) as archive:
        yield _checked(lambda name: _member(archive, name))


def _checked(read: Open) -> Open:
    """Let a blob be read only when it has the digest that it is named by."""

    def opened(name: str) -> IO[bytes]:
        stream = read(name)
        if name.startswith(_SHA256):
            found = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
            if found != name.removeprefix(_SHA256):
                stream.close()
                raise ValueError(f"{name} has the sha256 {found}")
            stream.seek(0)
        return stream

    return opened


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise ValueError(f"{name!r} is no file of the layout")
    return path


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    member = archive.getmember(name if name in archive.getnames() else f"./{name}")
    for _ in range(3):  # `docker save` links a layer that two images share
        if member.issym():
            member = archive.getmember(
                posixpath.normpath(posixpath.join(posixpath.dirname(member.name), member.linkname))
            )
    stream = archive.extractfile(member) if member.isfile() else None
    if stream is None:
        raise ValueError(f"{name!r} is no file of the archive")
    return stream


def _images(read: Open) -> Iterator[list[str]]:
    """Yield the names of the layers of every image, the lowest first."""
    try:
        manifests = _json(read, "manifest.json")
    except (KeyError, ValueError):
        yield from _of_index(read, _json(read, "index.json"), depth=0)
        return
    if not isinstance(manifests, list):
        raise TypeError("manifest.json holds no list")
    yield from (list(manifest["Layers"]) for manifest in manifests)


def _of_index(read: Open, index: Mapping[str, Any], *, depth: int) -> Iterator[list[str]]:
    for entry in index["manifests"]:
        if _ATTESTATION in (entry.get("annotations") or {}):
            continue
        document = _json(read, _blob(entry))
        if "manifests" in document and depth < 3:  # noqa: PLR2004 - an index of an index of images is deep enough
            yield from _of_index(read, document, depth=depth + 1)
        else:
            yield [_blob(layer) for layer in document["layers"]]


def _read_layer(stream: IO[bytes], shelf: _Shelf, where: str) -> None:
    if stream.read(4) == _ZSTD:
        raise ValueError(f"{where} is compressed by zstd, which is not read; `docker save` writes plain layers")
    stream.seek(0)
    with tarfile.open(fileobj=stream) as layer:
        for member in layer:
            _read_member(layer, member, shelf)


def _read_member(layer: tarfile.TarFile, member: tarfile.TarInfo, shelf: _Shelf) -> None:
    path = posixpath.normpath("/" + member.name.lstrip("/"))
    folder, name = posixpath.split(path)
    if name == _OPAQUE:
        shelf.forget(folder.rstrip("/"), itself=False)
    elif name.startswith(_WHITEOUT):
        shelf.forget(posixpath.join(folder, name.removeprefix(_WHITEOUT)))
    elif member.isfile():
        shelf.forget(path)
        shelf.spend(member.size)
        stream = layer.extractfile(member)
        if stream is not None:
            shelf.add(path, stream)
    elif member.islnk():
        target = posixpath.normpath("/" + member.linkname.lstrip("/"))
        if target in shelf.programs:
            shelf.programs[path] = shelf.programs[target]
    elif not member.isdir():
        shelf.forget(path)


def _json(read: Open, name: str) -> Any:
    with read(name) as stream:
        return json.loads(stream.read(JSON_LIMIT_BYTES))


def _blob(descriptor: Mapping[str, Any]) -> str:
    algorithm, _, digest = str(descriptor["digest"]).partition(":")
    if not (algorithm.isalnum() and digest.isalnum()):
        raise ValueError(f"no digest: {descriptor['digest']!r}")
    return f"blobs/{algorithm}/{digest}"
