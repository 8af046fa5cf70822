from __future__ import annotations

import pytest

from pipeline.core.build_constraint import is_built


@pytest.mark.parametrize(
    ("constraint", "built"),
    [
        ("mage", False),
        ("ignore", False),
        ("linux", True),
        ("!linux", False),
        ("darwin || linux", True),
        ("windows || (linux && !cgo)", False),
        ("linux && (amd64 || arm64)", True),
        ("go1.21 && !purego", True),
        ("integration && linux", False),
    ],
)
def test_a_file_is_built_when_its_constraint_holds_without_tags(constraint: str, built: bool) -> None:
    assert is_built(f"// Copyright\n\n//go:build {constraint}\n\npackage main\n") is built


def test_what_stands_after_the_package_clause_is_no_constraint() -> None:
    assert is_built("package main\n\n//go:build mage\n")
