"""The grammar of a Go version: what `.go-version` may hold, and how everything else is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.go_version import MAX_BYTES, GoVersion, parse_go_version, quote
from pipeline.errors import InputError


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"1.26.10\n", GoVersion(26, 10)),
        (b"1.26.10", GoVersion(26, 10)),
        (b"go1.26.10\n", GoVersion(26, 10)),
        (b"1.26.0", GoVersion(26, 0)),
        (b"1.27rc2", GoVersion(27, None, "rc", 2)),
        (b"go1.27beta1", GoVersion(27, None, "beta", 1)),
        (b"1.20", GoVersion(20)),
        (b"1.20.14", GoVersion(20, 14)),
    ],
)
def test_accepts_a_release(content: bytes, wanted: GoVersion) -> None:
    assert parse_go_version(content, where=".go-version") == wanted


REFUSED = [
    b"",
    b"\n",
    b"../x",
    b"1.26.3\nFOO=bar",
    b"1.26.3\n\n",
    b"1.26.3\r\n",
    b" 1.26.3",
    b"1.26.3 ",
    b"1.26.3\t",
    b"$(id)",
    b"`id`",
    b"-modfile=x",
    b"local",
    b"auto",
    b"path",
    b"devel",
    b"default",
    b"go1.26.3+auto",
    b"go1.999999-/run.sh",
    b"1.26.3\x00",
    b"\x00",
    b"\xef\xbb\xbf1.26.3",
    "1.26.3\u2028".encode(),
    "1.\uff12\uff16.3".encode(),
    "\uff11.26.3".encode(),
    b"v1.26.3",
    b"2.0.1",
    b"1.026.3",
    b"1.26.03",
    b"1.26.3.4",
    b"1.26.3rc1",
    b"1.26rc0",
    b"1.26rc123",
    b"1.26.x",
    b"Go1.26.3",
    b"gogo1.26.3",
    b"1.1000.3",
    b"1.26.1000",
    b"1.",
    b"1",
    b"1.26.3" + b" " * 40,
    b"1.26.3\n" * 1000,
]


@pytest.mark.parametrize("content", REFUSED)
def test_refuses_anything_else_and_quotes_its_bytes(content: bytes) -> None:
    with pytest.raises(InputError) as caught:
        parse_go_version(content, where="/src/.go-version")
    error = caught.value
    assert error.seen == quote(content)
    assert error.where == "/src/.go-version"
    assert error.next_step


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"1.26", "the first one is 1.26.0"),
        (b"go1.21\n", "the first one is 1.21.0"),
        (b"1.20.0", "write 1.20"),
        (b"1.26.3\r\n", "carriage return"),
        (b"\xef\xbb\xbf1.26.3", "byte order mark"),
        (b" 1.26.3", "white space"),
        (b"1.26.3\n\n", "empty lines"),
        (b"\n", "write a version"),
    ],
)
def test_refusal_tells_the_next_step(content: bytes, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_go_version(content, where=".go-version")
    assert hint in str(caught.value.next_step)


def test_quoted_bytes_are_printable_and_short() -> None:
    assert quote(b"\x1b[31m\x00") == r"'\x1b[31m\x00'"
    assert quote(b"a" * 1000) == "'" + "a" * 48 + "'… (1000 bytes)"


def parsed_or_refused(content: bytes) -> GoVersion | InputError:
    try:
        return parse_go_version(content, where="x")
    except InputError as error:
        return error


@given(st.binary(max_size=40))
def test_any_bytes_are_a_version_of_the_grammar_or_an_input_error(content: bytes) -> None:
    version = parsed_or_refused(content)
    if isinstance(version, InputError):
        assert str(version).isascii()
        return
    assert len(content) <= MAX_BYTES
    assert re.fullmatch(rb"(go)?1\.\d{1,3}(\.\d{1,3}|(rc|beta)\d{1,2})?\n?", content)
    assert content.decode("ascii").removesuffix("\n").removeprefix("go") == str(version)


@given(st.from_regex(r"\A(go)?1\.\d{1,3}(\.\d{1,3}|(rc|beta)\d{1,2})?\n?\Z"))
def test_what_is_accepted_names_the_toolchain_it_says(text: str) -> None:
    try:
        version = parse_go_version(text.encode(), where="x")
    except (InputError, UnicodeError):
        return
    assert version.toolchain == "go" + text.removeprefix("go").removesuffix("\n")
    assert parse_go_version(version.toolchain.encode(), where="x") == version


_versions = st.builds(GoVersion, st.integers(21, 999), st.integers(0, 999))


@given(_versions, _versions)
def test_order_is_the_order_of_the_numbers(one: GoVersion, other: GoVersion) -> None:
    assert (one.order < other.order) == ((one.minor, one.patch) < (other.minor, other.patch))


def test_pre_releases_come_before_the_release() -> None:
    texts = ["1.27beta1", "1.27rc1", "1.27rc2", "1.27.0", "1.27.1", "1.28beta1"]
    versions = [parse_go_version(text.encode(), where="x") for text in texts]
    assert sorted(versions, key=lambda version: version.order) == versions
