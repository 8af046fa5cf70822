"""Our own digests of Go toolchains, beside those of the checksum database."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.errors import BuildError

LOCK: Final = Path(__file__).with_name("toolchains.lock")


def check_toolchain(name: str, platform: str, checksum: str, *, lock: Path = LOCK) -> bool:
    """Compare a downloaded toolchain's `h1:` checksum with the lock file; tell whether it was compared.

    A toolchain that the lock does not list, or that was not downloaded (empty checksum), is left to the checksum
    database.

    Raises: BuildError when the lock file names another checksum.
    """
    lines = lock.read_text(encoding="ascii").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    wanted = {row[2] for row in rows if row[:2] == [name, platform]}
    if not wanted or not checksum:
        return False
    if checksum not in wanted:
        raise BuildError(
            f"the toolchain {name} for {platform} is not the one that the lock file names",
            seen=checksum,
            wanted=" or ".join(sorted(wanted)),
            where=str(lock),
            next_step="do not use its binaries; remove the cache folder and find out where the toolchain came from",
        )
    return True
