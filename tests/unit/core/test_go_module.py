from __future__ import annotations

import pytest

from pipeline.core.go_module import local_members, local_replacements, refuse_toolchain_sum
from pipeline.errors import InputError


@pytest.mark.parametrize(
    ("line", "folders"),
    [
        ("replace example.com/y => ../y", ("../y",)),
        ("replace example.com/y v1.0.0 => ./y // local", ("./y",)),
        ('replace example.com/y => "../a"', ("../a",)),
        ("\texample.com/y => /home/me/y", ("/home/me/y",)),
        ("\texample.com/y => example.com/z v1.2.3", ()),
        ("require example.com/y v1.0.0", ()),
    ],
)
def test_a_replacement_by_a_folder_is_told_from_one_by_a_module(line: str, folders: tuple[str, ...]) -> None:
    assert local_replacements(f"module example.com/x\n\n{line}\n") == folders


def test_a_workspace_names_its_members() -> None:
    assert local_members('go 1.26\n\nuse ./a\nuse (\n\t.\n\t"../b" // beside\n)\n') == ("./a", ".", "../b")


def test_a_checksum_of_a_toolchain_is_refused_with_its_line() -> None:
    lines = ["example.com/y v1.0.0 h1:x=", "golang.org/toolchain v0.0.1-go1.26.10.linux-amd64 h1:y="]
    refuse_toolchain_sum(lines[:1], "go.sum")
    with pytest.raises(InputError, match="checksum of a Go toolchain") as caught:
        refuse_toolchain_sum(lines, "go.sum")
    assert caught.value.where == "go.sum:2"
