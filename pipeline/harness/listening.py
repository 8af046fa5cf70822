"""Where a process listens, from /proc: for the plugin that listens somewhere else than it was told."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LISTENING_UNIX: Final = "00010000"  # __SO_ACCEPTCON in Flags of /proc/net/unix (linux/net.h)
_LISTENING_TCP: Final = "0A"  # TCP_LISTEN in st of /proc/net/tcp (net/tcp_states.h)


def listening(group: int) -> tuple[str, ...]:
    """Return the addresses on which the processes of a group listen; nothing where there is no /proc."""
    inodes = set(_inodes(group))
    return tuple(sorted({*_unix(inodes), *_tcp(inodes)})) if inodes else ()


def _inodes(group: int) -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ProcessLookupError):
            if os.getpgid(int(process.name)) != group:
                continue
            for descriptor in (process / "fd").iterdir():
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    yield target[len("socket:[") : -1]


def _unix(inodes: set[str]) -> Iterator[str]:
    for fields in _rows("unix"):
        # Num RefCount Protocol Flags Type St Inode Path
        if len(fields) > 7 and fields[3] == _LISTENING_UNIX and fields[6] in inodes:  # noqa: PLR2004
            yield f"unix://{fields[7]}"


def _tcp(inodes: set[str]) -> Iterator[str]:
    for name in ("tcp", "tcp6"):
        for fields in _rows(name):
            # sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
            if len(fields) > 9 and fields[3] == _LISTENING_TCP and fields[9] in inodes:  # noqa: PLR2004
                yield f"TCP port {int(fields[1].rpartition(':')[2], 16)}"


def _rows(name: str) -> list[list[str]]:
    try:
        lines = Path("/proc/net", name).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line.split() for line in lines[1:]]
