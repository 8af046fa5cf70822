"""Our own digests of Go toolchains, beside those of the checksum database."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.errors import BuildError

LOCK: Final = Path(__file__).with_name("toolchains.lock")
MODULE: Final = "golang.org/toolchain"


def module_version(name: str, platform: str) -> str:
    """Return the version of the toolchain's module, such as `v0.0.1-go1.26.10.linux-amd64`."""
    return f"v0.0.1-{name}.{platform.replace('/', '-')}"


def downloaded_checksum(modules: Path, name: str, platform: str) -> str:
    """Return the `h1:` checksum with which a toolchain lies in a module cache; empty when it is not there.

    The Go command writes it when the checksum database has vouched for the download.
    """
    folder = modules / "cache" / "download" / MODULE / "@v"
    path = folder / f"{module_version(name, platform)}.ziphash"
    return path.read_text(encoding="ascii").strip() if path.is_file() else ""


def locked_checksums(lock: Path = LOCK) -> dict[tuple[str, str], str]:
    """Return the lock file's checksums by name (`go1.26.10`) and platform (`linux/amd64`)."""
    lines = lock.read_text(encoding="ascii").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return {(name, platform): checksum for name, platform, checksum in rows}


def check_toolchain(name: str, platform: str, checksum: str, *, lock: Path = LOCK) -> bool:
    """Compare a downloaded toolchain's `h1:` checksum with the lock file; tell whether it was compared.

    A toolchain that the lock does not list, or that was not downloaded (empty checksum), is left to the checksum
    database.

    Raises: BuildError when the lock file names another checksum.
    """
    wanted = locked_checksums(lock).get((name, platform))
    if wanted is None or not checksum:
        return False
    if checksum != wanted:
        raise BuildError(
            f"the toolchain {name} for {platform} is not the one that the lock file names",
            seen=checksum,
            wanted=wanted,
            where=str(lock),
            next_step="do not use its binaries; remove the cache folder and find out where the toolchain came from",
        )
    return True
