"""Which Go a source tree asks for, read from a Dagger directory; decided by the same code as on a host."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

import dagger

from pipeline.core.go_resolution import FILE_NAME, GO_MOD, Mode, Resolution, VersionFile, go_mod_version, resolve
from pipeline.core.go_version import MAX_BYTES
from pipeline.errors import InputError


async def read_version_file(source: dagger.Directory) -> VersionFile:
    """Read `.go-version` of a source; what is wrong with it is returned, since another input may win."""
    if FILE_NAME not in await source.entries():
        return VersionFile(FILE_NAME)
    try:
        size_bytes = await source.file(FILE_NAME).size()
        content = await source.file(FILE_NAME).contents() if size_bytes <= MAX_BYTES else ""
    except dagger.QueryError as error:
        return VersionFile(FILE_NAME, problem=_unreadable(str(error)))
    if size_bytes > MAX_BYTES:
        return VersionFile(FILE_NAME, problem=_unreadable(f"{size_bytes} bytes"))
    return VersionFile(FILE_NAME, content=content.encode())


async def find_version_file(source: dagger.Directory, module: str) -> VersionFile:
    """Return the `.go-version` of a module, else of its repository; without one what go.mod asks for."""
    found = await read_version_file(source.directory(module)) if module != "." else VersionFile(FILE_NAME)
    if found.content is None and found.problem is None:
        found = await read_version_file(source)
    path = posixpath.normpath(f"{module}/{GO_MOD}")
    if found.content is None and found.problem is None and await source.exists(path):
        return go_mod_version(await source.file(path).contents(), path) or found
    return found


async def resolve_source(source: dagger.Directory, module: str, environment: Mapping[str, str]) -> Resolution:
    """Decide which Go builds a module of a source, with the caller's variables as arguments.

    Raises: InputError as on a host, for a module that is not in the source, and for FORCE_HOST_GO: a container has no
    Go of the caller's machine.
    """
    if module != "." and not await source.exists(module):
        raise InputError(
            "the folder of the plugin's Go module is not in the source",
            seen=f"no {module}; the source holds {', '.join((await source.entries())[:20]) or 'nothing'}",
            wanted="the folder that holds go.mod",
            where="module in the table [go] of the configuration",
            next_step="pass --source with the plugin's repository, or correct it: it is relative to the source",
        )
    resolution = resolve(environment, await find_version_file(source, module))
    if resolution.mode is Mode.HOST:
        raise InputError(
            "FORCE_HOST_GO cannot be honoured in a container: the Go of the caller's machine is not in it",
            seen=f"FORCE_HOST_GO={environment['FORCE_HOST_GO']}",
            wanted="no FORCE_HOST_GO",
            where="the argument force-host-go",
            next_step="run `kms-e2e run` on the host, or pass a container with that Go as --go-base",
        )
    return resolution


def _unreadable(seen: str) -> InputError:
    return InputError(
        f"{FILE_NAME} cannot be used",
        seen=seen,
        wanted=f"a regular, readable file of at most {MAX_BYTES} bytes",
        where=FILE_NAME,
        next_step="replace it by a file that holds one version",
    )
