"""The Go version that a binary carries, also beside a program's own copy of the magic."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.harness.go_binary import go_version_of

MAGIC = b"\xff Go buildinf:"
HEAD = MAGIC + bytes([8, 2]) + bytes(16)


def inline(version: bytes) -> bytes:
    return HEAD + bytes([len(version)]) + version


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (b"ELF" * 100 + inline(b"go1.26.10"), "go1.26.10"),
        (b"ELF" + MAGIC + b"a constant" + b"\0" * 200 + inline(b"go1.27.2"), "go1.27.2"),
        (inline(b"go1.26.10 X:nodwarf5"), "go1.26.10"),
        (MAGIC + bytes([8, 0]) + b"\0" * 60, ""),
        (inline(b"go1.26.10")[:20], ""),
        (b"#!/bin/sh\n", ""),
        (b"", ""),
    ],
)
def test_the_version_of_a_binary(tmp_path: Path, data: bytes, version: str) -> None:
    (tmp_path / "binary").write_bytes(data)
    assert go_version_of(tmp_path / "binary") == version
