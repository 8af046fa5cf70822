"""Find secrets in what a program writes, in the shapes in which programs write bytes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Final

_PART_BYTES: Final = 16
"""A part of this size is searched for, so that a shortened print is found too; no 16 random bytes occur twice."""


def shapes_in(data: bytes, secrets: Sequence[bytes]) -> list[str]:
    """Return the names of the shapes in which any of the secrets occurs in `data`, each once."""
    lowered = data.lower()
    found = [
        name
        for secret in secrets
        for name, shape in _shapes(secret)
        if shape in (lowered if name == "hexadecimal" else data)
    ]
    return sorted(set(found))


def _shapes(secret: bytes) -> Iterator[tuple[str, bytes]]:
    part = secret[:_PART_BYTES]
    yield "raw", part
    yield "hexadecimal", part.hex().encode()
    for offset in range(3):  # base64 of a longer text that holds the secret at any offset
        text = base64.b64encode(b"\0" * offset + secret)[4 if offset else 0 : _PART_BYTES + 4]
        yield "base64", text
        yield "base64", text.translate(bytes.maketrans(b"+/", b"-_"))
    numbers = [str(byte) for byte in part]
    yield "numbers", " ".join(numbers).encode()
    yield "numbers", ",".join(numbers).encode()
    yield "numbers", ", ".join(numbers).encode()
    yield "python", repr(part)[2:-1].encode()
    yield "json", json.dumps(part.decode("latin-1"))[1:-1].encode()
