"""A hostile tree: nothing executed, nothing written, nothing read outside, nothing waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.core.drift.audit import Audit
from pipeline.core.drift.model import Rule
from pipeline.errors import InputError
from pipeline.host.audit import MAX_BYTES, UnreadableError, audit_tree, candidates, read_regular


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def found(audit: Audit) -> list[tuple[str, Rule]]:
    return [(finding.file, finding.rule) for finding in audit.findings]


def test_drift_is_found_with_file_line_and_column(tmp_path: Path) -> None:
    root = write(tmp_path, {".go-version": "1.26.3\n", "a/b/Dockerfile": "# x\nFROM golang:1.26.2\n"})
    (finding,) = audit_tree(root).findings
    assert (finding.file, finding.line, finding.column, finding.text) == ("a/b/Dockerfile", 2, 13, "1.26.2")


def test_a_tree_that_agrees_is_clean(tmp_path: Path) -> None:
    root = write(tmp_path, {".go-version": "1.26.3\n", "Dockerfile": "FROM golang:1.26.3\n", "go.mod": "go 1.26.0\n"})
    audit = audit_tree(root)
    assert audit.clean
    assert (audit.files, audit.mentions) == (3, 2)


@pytest.mark.parametrize("folder", [".git", "node_modules", "vendor", "testdata", "third_party", ".venv"])
def test_copies_of_others_are_not_entered(tmp_path: Path, folder: str) -> None:
    root = write(tmp_path, {".go-version": "1.26.3\n", f"a/{folder}/Dockerfile": "FROM golang:1.20\n"})
    assert list(candidates(root / "a", [])) == []
    assert audit_tree(root).clean


def test_a_link_out_of_the_tree_is_told_and_not_read(tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_text("FROM golang:1.20\n", encoding="utf-8")
    root = write(tmp_path / "repository", {".go-version": "1.26.3\n"})
    (root / "Dockerfile").symlink_to(outside)
    (root / "ci.yml").symlink_to("../secret")
    (root / "folder").symlink_to(tmp_path)
    audit = audit_tree(root)
    assert found(audit) == [("Dockerfile", Rule.UNREADABLE)]
    assert "out of the repository" in audit.findings[0].message
    assert [note.file for note in audit.notes] == ["ci.yml"]


def test_a_link_to_a_candidate_counts_once_and_one_to_another_name_is_read(tmp_path: Path) -> None:
    root = write(
        tmp_path, {".go-version": "1.26.3\n", "a/Dockerfile": "FROM golang:1.20\n", "odd": "FROM golang:1.21\n"}
    )
    (root / "Dockerfile").symlink_to("a/Dockerfile")
    (root / "b.Dockerfile").symlink_to("odd")
    assert sorted(found(audit_tree(root))) == [("a/Dockerfile", Rule.DRIFT), ("b.Dockerfile", Rule.DRIFT)]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    root = write(tmp_path, {".go-version": "1.26.3\n"})
    (root / "Dockerfile").symlink_to("Dockerfile")
    (root / "a").mkdir()
    (root / "a" / "up").symlink_to("..")
    assert found(audit_tree(root)) == [("Dockerfile", Rule.UNREADABLE)]


def test_a_fifo_and_a_device_name_are_not_waited_for(tmp_path: Path) -> None:
    root = write(tmp_path, {".go-version": "1.26.3\n"})
    os.mkfifo(root / "Dockerfile")
    os.mkfifo(root / "go.mod")
    (root / "Makefile").mkdir()
    assert sorted(found(audit_tree(root))) == [("Dockerfile", Rule.UNREADABLE), ("go.mod", Rule.UNREADABLE)]


def test_a_version_file_that_is_a_fifo_link_or_huge_is_a_bad_source(tmp_path: Path) -> None:
    for number, make in enumerate((_fifo, _link, _huge)):
        root = write(tmp_path / str(number), {"go.mod": "go 1.26.3\n"})
        make(root / ".go-version")
        audit = audit_tree(root)
        assert found(audit) == [(".go-version", Rule.BAD_SOURCE)]
        assert str(audit.truth.version) == "1.26.3"


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def test_a_file_of_a_gigabyte_is_refused_by_its_size(tmp_path: Path) -> None:
    root = write(tmp_path, {".go-version": "1.26.3\n"})
    _huge(root / "Dockerfile")
    _huge(root / "big.yaml")
    audit = audit_tree(root)
    assert found(audit) == [("Dockerfile", Rule.UNREADABLE)]
    assert "1073741824 bytes" in audit.findings[0].message
    assert [note.file for note in audit.notes] == ["big.yaml"]


def test_a_nul_byte_hides_nothing(tmp_path: Path) -> None:
    root = write(tmp_path, {".go-version": "1.26.3\n", "Dockerfile": "#\0\nFROM golang:1.20\n"})
    assert found(audit_tree(root)) == [("Dockerfile", Rule.UNREADABLE)]


def test_a_line_too_long_to_read_is_told(tmp_path: Path) -> None:
    root = write(tmp_path, {".go-version": "1.26.3\n", "Dockerfile": "#" * (1 << 15) + "x\nFROM golang:1.20\n"})
    assert found(audit_tree(root)) == [("Dockerfile", Rule.UNREADABLE)]


def test_bytes_that_are_no_utf_8_hide_nothing(tmp_path: Path) -> None:
    root = write(tmp_path, {".go-version": "1.26.3\n"})
    (root / "Dockerfile").write_bytes(b"# caf\xe9\nFROM golang:1.20\n")
    assert found(audit_tree(root)) == [("Dockerfile", Rule.DRIFT)]


def test_a_byte_order_mark_hides_nothing(tmp_path: Path) -> None:
    root = write(tmp_path, {".go-version": "1.26.3\n"})
    (root / "Dockerfile").write_bytes(b"\xef\xbb\xbfFROM golang:1.20\n")
    (root / "a.yml").write_bytes(b"\xef\xbb\xbfimage: golang:1.20\n")
    assert found(audit_tree(root)) == [("Dockerfile", Rule.DRIFT), ("a.yml", Rule.DRIFT)]


def test_a_file_name_that_is_no_utf_8_is_printable(tmp_path: Path) -> None:
    root = write(tmp_path, {".go-version": "1.26.3\n"})
    name = os.fsencode(root) + b"/\xff\x1b[31m.Dockerfile"
    with open(name, "wb") as file:  # noqa: PTH123 - a name of bytes
        file.write(b"FROM golang:1.20\n")
    (finding,) = audit_tree(root).findings
    assert finding.file == "\\xff\x1b[31m.Dockerfile"
    finding.file.encode("utf-8")


def test_a_file_without_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(tmp_path, {".go-version": "1.26.3\n", "Dockerfile": "FROM golang:1.20\n"})

    def refuse(*_arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pipeline.host.audit.os.open", refuse)
    with pytest.raises(UnreadableError, match="permission denied"):
        read_regular(root / "Dockerfile", MAX_BYTES)


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(tmp_path, {".go-version": "1.26.3\n"})
    real = os.scandir

    def refuse(path: Path) -> object:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return real(path)

    (root / "closed").mkdir()
    monkeypatch.setattr("pipeline.host.audit.os.scandir", refuse)
    assert [(note.file, note.reason) for note in audit_tree(root).notes] == [("closed/", "permission denied")]


def test_look_alikes_name_nothing(tmp_path: Path) -> None:
    text = "FROM g\u043elang:1.20\nFROM golang:\uff11.20\nENV GO_VERSI\u041eN=1.20.1\n"
    assert audit_tree(write(tmp_path, {".go-version": "1.26.3\n", "Dockerfile": text})).clean


def test_a_commands_text_is_not_executed(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    text = f"FROM golang:$(touch {marker})\nRUN touch {marker}\nARG GO_VERSION=$(touch${{IFS}}{marker})\n"
    audit_tree(
        write(
            tmp_path / "r",
            {".go-version": f"$(touch {marker})", "Dockerfile": text, "Makefile": f"A:=$(shell touch {marker})"},
        )
    )
    assert not marker.exists()


def test_an_audit_writes_nothing(tmp_path: Path) -> None:
    root = write(tmp_path, {".go-version": "1.26.3\n", "Dockerfile": "FROM golang:1.20\n"})
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in root.rglob("*")}
    audit_tree(root)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in root.rglob("*")} == before


def test_exceptions_of_the_repository_are_used(tmp_path: Path) -> None:
    table = '[[allow]]\nfile = "ci/**"\nreason = "we test the former release too"\n'
    root = write(tmp_path, {".go-version": "1.26.3\n", "ci/Dockerfile": "FROM golang:1.25.9\n", "audit.toml": table})
    audit = audit_tree(root)
    assert audit.clean
    assert len(audit.allowed) == 1


@pytest.mark.parametrize("content", ["[[allow]]\n", "x = 1\n", "\0"])
def test_unusable_exceptions_end_the_audit(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError, match=r"audit\.toml"):
        audit_tree(write(tmp_path, {"audit.toml": content}))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        audit_tree(tmp_path / "gone")
