from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.harness.kms.contract import annotations_problem, ciphertext_problem, is_domain_name, key_id_problem


@pytest.mark.parametrize("size", [1, 1024])
def test_sizes_at_the_limits_are_accepted(size: int) -> None:
    assert key_id_problem("k" * size) == ""
    assert ciphertext_problem(b"c" * size) == ""


@pytest.mark.parametrize("size", [0, 1025])
def test_sizes_beyond_the_limits_are_named(size: int) -> None:
    assert ("empty" if size == 0 else "1025") in key_id_problem("k" * size)
    assert ("empty" if size == 0 else "1025") in ciphertext_problem(b"c" * size)


def test_a_key_id_is_measured_in_bytes() -> None:
    assert "1026 bytes" in key_id_problem("ä" * 513)


@pytest.mark.parametrize("name", ["a.b", "version.example.com", "x-1.y-2.z", "a.b."])
def test_domain_names(name: str) -> None:
    assert is_domain_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "a",
        "a..b",
        "A.b",
        "a_b.c",
        "-a.b",
        "a-.b",
        "a.b/c",
        "a.b..",
        f"{'a' * 64}.b",
        ".".join(["ab"] * 90),
        "a.b\n",
    ],
)
def test_other_names(name: str) -> None:
    assert not is_domain_name(name)


def test_annotations_are_measured_with_their_keys() -> None:
    assert annotations_problem({"a.b": b"v" * (32 * 1024 - 3)}) == ""
    assert "32769 bytes" in annotations_problem({"a.b": b"v" * (32 * 1024 - 2)})


@given(st.dictionaries(st.text(max_size=5), st.binary(max_size=5), max_size=3))
def test_a_bad_key_is_quoted(annotations: dict[str, bytes]) -> None:
    bad = [key for key in annotations if not is_domain_name(key)]
    problem = annotations_problem(annotations)
    assert (problem == "") == (not bad)
    if bad:
        assert repr(bad[0]) in problem
