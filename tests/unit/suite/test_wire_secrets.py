from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.suite.wire.secrets import shapes_in

SECRET = bytes(range(200, 232))


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ("raw", SECRET),
        ("hexadecimal", SECRET.hex().encode()),
        ("hexadecimal", SECRET.hex().upper().encode()),
        ("base64", base64.b64encode(SECRET)),
        ("base64", base64.urlsafe_b64encode(SECRET)),
        ("base64", base64.b64encode(b"x" + SECRET)),
        ("base64", base64.b64encode(b"xy" + SECRET + b"z")),
        ("numbers", str(list(SECRET)).encode()),
        ("numbers", ("[" + " ".join(map(str, SECRET)) + "]").encode()),
        ("python", repr(SECRET).encode()),
        ("json", json.dumps({"seed": SECRET.decode("latin-1")}).encode()),
        ("hexadecimal", SECRET[:16].hex().encode() + b"..."),
    ],
)
def test_a_secret_is_found_in_the_shape_it_was_printed_in(shape: str, text: bytes) -> None:
    assert shape in shapes_in(
        b'{"level":"info","msg":"' + text + b'"}\n', [b"another secret of 32 bytes here!", SECRET]
    )


def test_each_shape_is_named_once() -> None:
    assert shapes_in(SECRET.hex().encode() * 3, [SECRET, SECRET]) == ["hexadecimal"]


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_other_bytes_hold_no_secret(secret: bytes, data: bytes) -> None:
    if secret[:8] not in data:
        assert shapes_in(data, [secret]) == []
