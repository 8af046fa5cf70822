"""What is read from a plugin's source: the version file, go.mod and go.sum, and the digest of its files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.host.source import check_module, read_version_file, source_digest


def module(folder: Path, *, replaces: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "go.mod").write_text(f"module example.com/x\n\ngo 1.26.0\n{replaces}")
    (folder / "go.sum").write_text("")
    (folder / "main.go").write_text("package main\n\nfunc main() {}\n")
    return folder


def test_reads_a_version_file(tmp_path: Path) -> None:
    (tmp_path / ".go-version").write_bytes(b"1.26.10\n")
    file = read_version_file(tmp_path)
    assert (file.content, file.problem, file.path) == (b"1.26.10\n", None, str(tmp_path / ".go-version"))


def test_a_missing_version_file_is_no_problem_yet(tmp_path: Path) -> None:
    file = read_version_file(tmp_path)
    assert (file.content, file.problem) == (None, None)


def test_a_link_a_fifo_a_folder_and_a_huge_file_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / ".go-version"
    path.symlink_to("/etc/passwd")
    assert read_problem(tmp_path) == "a symbolic link"
    path.unlink()
    os.mkfifo(path)
    assert read_problem(tmp_path) == "a FIFO"
    path.unlink()
    path.mkdir()
    assert read_problem(tmp_path) == "a folder"
    path.rmdir()
    with path.open("wb") as file:
        file.truncate(1 << 30)
    assert read_problem(tmp_path) == f"{1 << 30} bytes"


def read_problem(folder: Path) -> str | None:
    file = read_version_file(folder)
    assert file.content is None
    assert file.problem is not None
    return file.problem.seen


def test_a_folder_without_go_mod_is_no_module(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no Go module"):
        check_module(tmp_path)


@pytest.mark.parametrize("name", ["go.sum", "go.work.sum"])
def test_a_checksum_of_a_toolchain_in_the_project_is_refused(tmp_path: Path, name: str) -> None:
    folder = module(tmp_path)
    check_module(folder)
    (folder / name).write_text("example.com/y v1.0.0 h1:x=\ngolang.org/toolchain v0.0.1-go1.26.10.linux-amd64 h1:y=\n")
    with pytest.raises(InputError, match="checksum of a Go toolchain") as caught:
        check_module(folder)
    assert caught.value.where == f"{folder / name}:2"


def test_digest_does_not_depend_on_place_time_or_caches(tmp_path: Path) -> None:
    one, other = module(tmp_path / "one"), module(tmp_path / "deep" / "other")
    os.utime(other / "main.go", (0, 0))
    for name in (".git", ".venv", "_artifacts"):
        (other / name).mkdir()
        (other / name / "file").write_text("x")
    nested = module(other / "tools")
    (nested / "more.go").write_text("package main\n")
    assert source_digest(one) == source_digest(other)


@pytest.mark.parametrize("name", ["main.go", "go.mod", "go.sum", "data.txt", "sub/embedded.bin", ".hidden"])
def test_digest_changes_with_every_file_that_can_be_compiled_in(tmp_path: Path, name: str) -> None:
    folder = module(tmp_path)
    before = source_digest(folder)
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("changed")
    assert source_digest(folder) != before


def test_digest_changes_when_a_file_is_renamed_or_bytes_move_between_files(tmp_path: Path) -> None:
    folder = module(tmp_path)
    (folder / "a").write_text("xy")
    (folder / "b").write_text("z")
    before = source_digest(folder)
    (folder / "a").write_text("x")
    (folder / "b").write_text("yz")
    moved = source_digest(folder)
    (folder / "b").rename(folder / "c")
    assert len({before, moved, source_digest(folder)}) == 3


@pytest.mark.parametrize(
    "replaces",
    [
        "replace example.com/y => ../y\n",
        "replace example.com/y v1.0.0 => ../y // local\n",
        "replace (\n\texample.com/y => ../y\n)\n",
        'replace example.com/y => "../y"\n',
    ],
)
def test_digest_sees_a_module_that_is_replaced_by_a_folder(tmp_path: Path, replaces: str) -> None:
    folder, other = module(tmp_path / "x", replaces=replaces), module(tmp_path / "y")
    before = source_digest(folder)
    (other / "main.go").write_text("package y\n")
    assert source_digest(folder) != before


def test_digest_follows_a_link_to_a_file_as_the_go_command_does(tmp_path: Path) -> None:
    folder = module(tmp_path / "x")
    target = tmp_path / "target.go"
    target.write_text("package main\n")
    (folder / "link.go").symlink_to(target)
    before = source_digest(folder)
    target.write_text("package main\n\nvar x = 1\n")
    assert source_digest(folder) != before


def test_a_fifo_in_the_source_does_not_block(tmp_path: Path) -> None:
    folder = module(tmp_path)
    before = source_digest(folder)
    os.mkfifo(folder / "pipe")
    assert source_digest(folder) == before
