from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.config.positions import Path, Position, key_positions, nearest

TEXT = '''\
name = "x" # a = 1
"quoted.key".b = 1.5
[run]
  argv = [ # words
    "a]", 'b"', """c
    d = 1"""
  ]
env = { A = "1", "B" = { c = [1, { d = 2 }] } }
at = 1979-05-27 07:32:00
[[services]]
name = "one"
[[services]]
name = "two"
[services.ready]
tcp = "x"
'''


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("name",), "1:1"),
        (("quoted.key", "b"), "2:14"),
        (("run",), "3:2"),
        (("run", "argv"), "4:3"),
        (("run", "argv", 0), "5:5"),
        (("run", "argv", 2), "5:17"),
        (("run", "env", "B"), "8:18"),
        (("run", "env", "B", "c", 1, "d"), "8:36"),
        (("run", "at"), "9:1"),
        (("services", 0, "name"), "11:1"),
        (("services", 1, "name"), "13:1"),
        (("services", 1, "ready", "tcp"), "15:1"),
    ],
)
def test_each_key_has_its_place(path: Path, place: str) -> None:
    tomllib.loads(TEXT)
    assert str(key_positions(TEXT)[path]) == place


def test_what_does_not_stand_in_the_text_has_the_place_around_it() -> None:
    positions = key_positions(TEXT)
    assert nearest(positions, ("run", "user")) == Position(3, 2)
    assert nearest(positions, ("go", "module")) is None


def paths(value: object, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield (*path, name)
            yield from paths(item, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield (*path, number)
            yield from paths(item, (*path, number))


def inline(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(name)} = {inline(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + ",\n".join(map(inline, value)) + "]"
    return quoted(value) if isinstance(value, str) else str(value).lower()


def quoted(text: str) -> str:
    return "'" + text + "'" if text and not set(text) & set("'\n\r") and text.isprintable() else '"x"'


VALUES = st.recursive(
    st.booleans() | st.integers(0, 9) | st.floats(0, 9, allow_nan=False, width=16) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z.#\[\]={}]{1,4}"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.from_regex(r"\A[a-z]{1,4}\Z"), VALUES, max_size=4))
def test_every_key_that_tomllib_reads_is_found(document: dict[str, object]) -> None:
    text = "".join(f"{name} = {inline(value)}\n" for name, value in document.items())
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = key_positions(text)
    assert set(paths(read)) == set(found)
