"""Reading a plugin's source without running anything: `.go-version`, go.mod, go.sum, and the digest of its files."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pipeline.core.go_module import SUM_FILES, local_members, local_replacements, refuse_toolchain_sum
from pipeline.core.go_resolution import FILE_NAME, GO_MOD, VersionFile, go_mod_version
from pipeline.core.go_version import MAX_BYTES
from pipeline.errors import InputError

NOT_SOURCE: Final = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".venv",
        "__pycache__",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        "_artifacts",
        "_output",
    }
)
"""Folders that no Go package is made of; everything else may be embedded and decides the bytes."""

_CHUNK_BYTES: Final = 1 << 20


def read_version_file(source: Path) -> VersionFile:
    """Read `.go-version` of a source folder; what is wrong with it is returned, since another input may win.

    Nothing but a regular file of at most 32 bytes is read: no symbolic link, no FIFO, no huge file.
    """
    path = source / FILE_NAME
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return VersionFile(str(path))
    except OSError as error:
        seen = "a symbolic link" if path.is_symlink() else str(error.strerror)
        return VersionFile(str(path), problem=_unreadable(path, seen))
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return VersionFile(str(path), problem=_unreadable(path, _kind(status.st_mode)))
        if status.st_size > MAX_BYTES:
            return VersionFile(str(path), problem=_unreadable(path, f"{status.st_size} bytes"))
        return VersionFile(str(path), content=os.read(handle, MAX_BYTES + 1))
    finally:
        os.close(handle)


def find_version_file(root: Path, module: Path) -> VersionFile:
    """Return the `.go-version` of a plugin: its module's, else its repository's; without one what go.mod asks for."""
    found = read_version_file(module)
    if not found.named:
        found = read_version_file(root)
    if not found.named:
        path = module / GO_MOD
        return go_mod_version("\n".join(_read_lines(path)), str(path)) or found
    return found


def check_module(folder: Path) -> None:
    """Check that a folder is a Go module whose go.sum does not vouch for a toolchain.

    Raises: InputError.
    """
    if not (folder / "go.mod").is_file():
        raise InputError(
            "the plugin's source is no Go module",
            seen="no go.mod",
            where=str(folder),
            next_step="name the folder that holds go.mod: module in the table [go] of kms-e2e.toml; a plugin in another"
            " language is a finished program or an image there",
        )
    for name in SUM_FILES:
        refuse_toolchain_sum(_read_lines(folder / name), str(folder / name))


def source_digest(module: Path, *, workspace: bool = False) -> str:
    """Return the digest of every file that can decide the bytes of a module's binaries, 64 hexadecimal digits.

    These are the files of the module's folder without nested modules and the folders of NOT_SOURCE, and the
    same of every folder that go.mod replaces a module with; in a `workspace` also those of the go.work above it and of
    all its modules. File times and modes do not count.

    Raises: InputError when a file cannot be read.
    """
    digest = hashlib.sha256()
    for number, folder in enumerate(module_folders(module, workspace=workspace)):
        digest.update(f"module {number}\n".encode())
        for path in _files(folder):
            digest.update(_entry(folder, path))
    return digest.hexdigest()


def tree_digest(path: Path) -> str:
    """Return the digest of a file, or of all files of a folder with their names, in hexadecimal.

    Raises: InputError when a file cannot be read.
    """
    folder, paths = (path, _files(path)) if path.is_dir() else (path.parent, iter([path]))
    digest = hashlib.sha256()
    for entry in paths:
        digest.update(_entry(folder, entry))
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises: OSError when it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def module_folders(module: Path, *, workspace: bool) -> list[Path]:
    """Return a module's folder and those of the local modules that are compiled with it."""
    found = [module]
    found += [path for path in _named(module, "go.mod", local_replacements) if path not in found]
    work = _workspace(module) if workspace else None
    if work is not None:
        members = [work, *_named(work, "go.work", local_replacements), *_named(work, "go.work", local_members)]
        found += [path for path in members if path not in found]
    return found


def _named(folder: Path, name: str, read: Callable[[str], tuple[str, ...]]) -> list[Path]:
    text = "\n".join(_read_lines(folder / name))
    return [Path(os.path.normpath(folder / target)) for target in read(text)]


def _workspace(module: Path) -> Path | None:
    """Return the folder of the go.work that the Go command would use in a module's folder."""
    return next((folder for folder in (module, *module.parents) if (folder / "go.work").is_file()), None)


def _files(folder: Path) -> Iterator[Path]:
    for current, folders, names in os.walk(folder):
        here = Path(current)
        folders[:] = sorted(
            name for name in folders if name not in NOT_SOURCE and not (here / name / "go.mod").is_file()
        )
        links = [name for name in folders if (here / name).is_symlink()]
        yield from (here / name for name in sorted([*names, *links]))


def _entry(folder: Path, path: Path) -> bytes:
    name = path.relative_to(folder).as_posix().encode(errors="surrogateescape")
    try:
        if path.is_file():  # also behind a symbolic link: the Go command reads through it
            content = f"file {file_digest(path)}"
        elif path.is_symlink():
            content = f"link {path.readlink()}"
        else:
            return b""
    except OSError as error:
        raise InputError("a file of the plugin's source cannot be read", seen=str(error), where=str(path)) from error
    return len(name).to_bytes(4) + name + content.encode(errors="surrogateescape") + b"\n"


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError("a file of the module cannot be read", seen=str(error), where=str(path)) from error


def _unreadable(path: Path, seen: str) -> InputError:
    return InputError(
        f"{FILE_NAME} cannot be used",
        seen=seen,
        wanted=f"a regular, readable file of at most {MAX_BYTES} bytes",
        where=str(path),
        next_step="replace it by a file that holds one version",
    )


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISFIFO, "a FIFO"), (stat.S_ISDIR, "a folder"), (stat.S_ISSOCK, "a socket"))
    return next((text for test, text in kinds if test(mode)), "a device")
