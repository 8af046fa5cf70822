from __future__ import annotations

import stat
from pathlib import Path

import pytest

from pipeline.core.go_version import GoVersion
from pipeline.errors import InputError, MachineError
from pipeline.host.audit import audit_tree
from pipeline.host.audit_fix import Change, apply_change, plan_bump, plan_changes, plan_version_file


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def fix(root: Path) -> list[Change]:
    changes = plan_changes(root, audit_tree(root).findings)
    for change in changes:
        apply_change(root, change)
    return changes


def test_a_correction_changes_the_version_and_nothing_else(tmp_path: Path) -> None:
    before = b"# caf\xe9\r\nFROM golang:1.26.2-alpine AS a \r\nENV A=1.26.2 GOTOOLCHAIN=go1.25.1\r\nFROM golang:alpine"
    root = write(tmp_path, {".go-version": b"1.26.10\n", "Dockerfile": before})
    (root / "Dockerfile").chmod(0o640)
    fix(root)
    after = before.replace(b"golang:1.26.2", b"golang:1.26.10").replace(b"go1.25.1", b"go1.26.10")
    assert (root / "Dockerfile").read_bytes() == after.replace(b"golang:alpine", b"golang:1.26.10-alpine")
    assert stat.S_IMODE((root / "Dockerfile").stat().st_mode) == 0o640
    assert audit_tree(root).clean
    assert sorted(path.name for path in root.iterdir()) == [".go-version", "Dockerfile"]


def test_two_places_in_one_line_are_both_corrected(tmp_path: Path) -> None:
    root = write(
        tmp_path, {".go-version": b"1.26.10\n", "Dockerfile": b"ENV GO_VERSION=1.26.1 GOTOOLCHAIN=go1.26.22\n"}
    )
    fix(root)
    assert (root / "Dockerfile").read_bytes() == b"ENV GO_VERSION=1.26.10 GOTOOLCHAIN=go1.26.10\n"


def test_a_byte_order_mark_stays_where_it_is(tmp_path: Path) -> None:
    root = write(tmp_path, {".go-version": b"1.26.10\n", "Dockerfile": b"\xef\xbb\xbfFROM golang:1.26.1\n"})
    fix(root)
    assert (root / "Dockerfile").read_bytes() == b"\xef\xbb\xbfFROM golang:1.26.10\n"


@pytest.mark.parametrize(
    "content",
    [
        b"FROM golang:1.25@sha256:" + b"a" * 64 + b"\n",
        b"RUN apk add go=1.25.1-r0\n",
        b"RUN GOSUMDB=off go build\n",
        b"RUN go install a.example/b/c@latest\n",
        b"ARG A=1.25\nARG B=3\nFROM golang:${A}.${B}\n",
    ],
)
def test_what_is_not_safe_to_correct_stays(tmp_path: Path, content: bytes) -> None:
    root = write(tmp_path, {".go-version": b"1.26.10\n", "Dockerfile": content})
    assert not audit_tree(root).clean
    assert fix(root) == []
    assert (root / "Dockerfile").read_bytes() == content


def test_a_link_is_never_written_through(tmp_path: Path) -> None:
    root = write(tmp_path, {".go-version": b"1.26.10\n", "odd": b"FROM golang:1.20\n"})
    (root / "Dockerfile").symlink_to("odd")
    assert len(audit_tree(root).findings) == 1
    assert fix(root) == []
    assert (root / "odd").read_bytes() == b"FROM golang:1.20\n"
    assert (root / "Dockerfile").is_symlink()


def test_a_file_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    root = write(tmp_path, {".go-version": b"1.26.10\n", "Dockerfile": b"FROM golang:1.20\n"})
    (change,) = plan_changes(root, audit_tree(root).findings)
    (root / "Dockerfile").write_bytes(b"FROM golang:1.21\n")
    with pytest.raises(MachineError, match="not written"):
        apply_change(root, change)
    assert (root / "Dockerfile").read_bytes() == b"FROM golang:1.21\n"
    assert sorted(path.name for path in root.iterdir()) == [".go-version", "Dockerfile"]


def test_a_diff_shows_the_lines_and_cannot_steer_a_terminal(tmp_path: Path) -> None:
    root = write(tmp_path, {".go-version": b"1.26.10\n", "Dockerfile": b"# \x1b[31m\nFROM golang:1.20\n"})
    (change,) = plan_changes(root, audit_tree(root).findings)
    diff = change.diff()
    assert "-FROM golang:1.20\n+FROM golang:1.26.10\n" in diff
    assert "\x1b" not in diff


def test_a_missing_version_file_is_made_from_the_source_in_force(tmp_path: Path) -> None:
    root = write(tmp_path, {"go.mod": b"module m\n\ngo 1.25.0\n\ntoolchain go1.26.3\n"})
    change = plan_version_file(root, audit_tree(root))
    assert "+++ b/.go-version" in change.diff()
    apply_change(root, change)
    assert (root / ".go-version").read_bytes() == b"1.26.3\n"
    assert audit_tree(root).truth.file == ".go-version"
    with pytest.raises(InputError, match="already"):
        plan_version_file(root, audit_tree(root))
    with pytest.raises(MachineError):
        apply_change(root, change)


def test_without_an_exact_version_none_is_made(tmp_path: Path) -> None:
    root = write(tmp_path, {"go.mod": b"go 1.25\n"})
    with pytest.raises(InputError, match="no exact version"):
        plan_version_file(root, audit_tree(root))


def test_a_bump_changes_the_one_file_and_what_the_audit_knows(tmp_path: Path) -> None:
    files = {
        ".go-version": b"1.26.3\n",
        "go.mod": b"go 1.25.0\ntoolchain go1.26.3\n",
        "Dockerfile": b"FROM golang:1.26.3\n",
        "README.md": b"golang:1.26.3\n",
    }
    root = write(tmp_path, files)
    for change in plan_bump(root, GoVersion(26, 10)):
        apply_change(root, change)
    assert {name: (root / name).read_bytes() for name in files} == {
        ".go-version": b"1.26.10\n",
        "go.mod": b"go 1.25.0\ntoolchain go1.26.10\n",
        "Dockerfile": b"FROM golang:1.26.10\n",
        "README.md": b"golang:1.26.3\n",
    }
    assert audit_tree(root).clean
    assert plan_bump(root, GoVersion(26, 10)) == []
