"""Lay the layers of a container image over each other, as a container runtime does and within one folder.

Source: the OCI image specification, layer.md: whiteouts, and an entry of another kind replaces what is there.
"""

from __future__ import annotations

import errno
import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from pipeline.errors import InputError, MachineError

_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
_MODE: Final = 0o1777
"""What is kept of an entry's mode. Not setuid and setgid: nothing of a plugin needs them, and the folder lies on the
machine's own file system, where a program of root with setuid would serve every user who can reach it."""
_MOST_LINKS: Final = 40
"""How many links a path may follow, as in Linux (path_resolution(7))."""
_UNREADABLE: Final = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)
_MISPLACED: Final = (FileNotFoundError, NotADirectoryError, FileExistsError, IsADirectoryError)


def apply_layer(stream: IO[bytes], root: Path, where: str) -> None:
    """Lay one layer over what is in the folder `root`; devices are left out, since nothing of a plugin needs them.

    Raises: InputError, with `where`, for a layer that cannot be read or leaves the folder; MachineError when the
    machine cannot write it.
    """
    try:
        with tarfile.open(fileobj=stream) as layer:
            for member in layer:
                _apply(layer, member, root)
    except _UNREADABLE as error:
        raise InputError(
            "a layer of the plugin's image cannot be read",
            seen=str(error),
            wanted="a tar archive, plain or compressed by gzip, bzip2 or xz",
            where=where,
            next_step="save the image again with `docker save`, or with gzip",
        ) from error
    except _LeavesError as error:
        raise InputError("a layer of the plugin's image leaves its folder", seen=str(error), where=where) from error
    except _MISPLACED as error:
        seen = f"{error.strerror}: {error.filename2 or error.filename}"
        raise InputError("a layer of the plugin's image does not fit those below", seen=seen, where=where) from error
    except OSError as error:
        raise MachineError("a layer of the plugin's image cannot be unpacked", seen=str(error), where=where) from error


class _LeavesError(Exception):
    """An entry's name leads out of the image."""


def _apply(layer: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    parts = _parts(member.name)
    if not parts:  # the root itself
        _own(member, root)
        return
    *above, name = parts
    folder = _folder(root, above)
    if name == _OPAQUE:
        for path in folder.iterdir():
            _remove(path)
    elif name.startswith(_WHITEOUT):
        hidden = name.removeprefix(_WHITEOUT)
        if hidden in {"", ".", ".."}:
            raise _LeavesError(member.name)
        _remove(folder / hidden)
    elif not member.isdev():
        _put(layer, member, folder / name, root)


def _put(layer: tarfile.TarFile, member: tarfile.TarInfo, path: Path, root: Path) -> None:
    """Write one entry; what is there goes first, so that nothing is written through a link."""
    if member.islnk():
        *above, name = _parts(member.linkname) or ("",)
        source = _folder(root, above) / name
        if source != path:
            _remove(path)
            os.link(source, path, follow_symlinks=False)
        return
    if not (member.isdir() and path.is_dir() and not path.is_symlink()):
        _remove(path)
        if member.isdir():
            path.mkdir()
        elif member.issym():
            path.symlink_to(member.linkname)
        else:
            _write(layer, member, path)
    _own(member, path)


def _write(layer: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = layer.extractfile(member)
    if content is None:
        raise tarfile.ReadError(f"{member.name} is no file")
    with path.open("xb") as file:
        shutil.copyfileobj(content, file)
    os.utime(path, (member.mtime, member.mtime))


def _own(member: tarfile.TarInfo, path: Path) -> None:
    os.chown(path, member.uid, member.gid, follow_symlinks=False)
    if not path.is_symlink():
        path.chmod(member.mode & _MODE)


def _parts(name: str) -> tuple[str, ...]:
    parts = tuple(part for part in name.split("/") if part not in {"", "."})
    if ".." in parts:
        raise _LeavesError(name)
    return parts


def _folder(root: Path, parts: list[str]) -> Path:
    """Return a folder of the image, made where it is missing; links on the way are followed as by chroot."""
    path, left, links = root, list(parts), 0
    while left:
        part = left.pop(0)
        if part == "..":
            path = path if path == root else path.parent
            continue
        step = path / part
        if step.is_symlink():
            links += 1
            if links > _MOST_LINKS:
                raise _LeavesError(f"{os.strerror(errno.ELOOP)}: {'/'.join(parts)}")
            target = str(step.readlink())
            path = root if target.startswith("/") else path
            left[:0] = _steps(target)
            continue
        step.mkdir(mode=0o755, exist_ok=True)
        path = step
    return path


def _steps(target: str) -> Iterator[str]:
    return (part for part in target.split("/") if part not in {"", "."})


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
