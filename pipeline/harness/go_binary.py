"""Which Go built a binary, read from the binary itself without a Go toolchain."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Final

# Source: Go's debug/buildinfo: 14 bytes of magic, pointer size and flags, then, since Go 1.18 and at byte 32,
# the version with its length as an unsigned varint.
_MAGIC: Final = b"\xff Go buildinf:"
_VERSION_AT: Final = 32
_INLINE_FLAG: Final = 2
_FLAGS_AT: Final = 15
_MOST_BYTES: Final = 127


def go_version_of(binary: Path) -> str:
    """Return such as `go1.26.10`; empty when it is no Go binary, or older than Go 1.18."""
    if binary.stat().st_size == 0:
        return ""
    with binary.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(_MAGIC)
        while start >= 0:
            version = _version_at(data, start)
            if version:
                return version
            start = data.find(_MAGIC, start + 1)  # the magic stands as a constant in programs that read it, too
    return ""


def _version_at(data: mmap.mmap, start: int) -> str:
    head = data[start : start + _VERSION_AT + 1 + _MOST_BYTES]
    if len(head) <= _VERSION_AT or not head[_FLAGS_AT] & _INLINE_FLAG:
        return ""
    text = head[_VERSION_AT + 1 : _VERSION_AT + 1 + head[_VERSION_AT]]
    return text.decode(errors="replace").split(" ")[0] if text.startswith((b"go1.", b"devel ")) else ""
