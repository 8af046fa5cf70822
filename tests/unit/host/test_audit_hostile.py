"""Hostile contents, one a line: what the audit says of each. Nothing is executed or written, bytes are quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.drift.model import Rule
from pipeline.host.audit import audit_tree

VERSION_FILES: dict[str, bytes] = {
    "path traversal": b"../../../../etc/passwd\n",
    "absolute path": b"/bin/sh\n",
    "second line": b"1.26.3\nGOSUMDB=off\n",
    "second line, carriage return": b"1.26.3\r\nGOFLAGS=-mod=mod",
    "command substitution": b"$(touch executed)",
    "back quotes": b"`touch executed`",
    "shell separator": b"1.26.3;touch executed",
    "variable": b"${HOME}",
    "option": b"-modfile=x",
    "long option": b"--help",
    "local": b"local",
    "auto": b"auto",
    "path": b"path",
    "suffix auto": b"go1.26.3+auto",
    "slash in the version (CVE-2023-39320)": b"go1.999999-/run.sh",
    "never released": b"1.999999.0",
    "NUL": b"1.26.3\0",
    "NUL in front": b"\x001.26.3",
    "byte order mark": b"\xef\xbb\xbf1.26.3",
    "UTF-16": "1.26.3".encode("utf-16"),
    "line separator U+2028": "1.26.3\u2028x".encode(),
    "full-width digits": "1.2\uff16.3".encode(),
    "Arabic-Indic digits": "1.\u0662\u0666.3".encode(),
    "Cyrillic o": "g\u043e1.26.3".encode(),
    "non-breaking space": "1.26.3\u00a0".encode(),
    "right-to-left override": "\u202e3.62.1".encode(),
    "escape sequence": b"\x1b[31m1.26.3",
    "no UTF-8": b"1.26.3\xff",
    "empty": b"",
    "blank": b"   \n",
    "comment": b"# 1.26.3\n",
    "33 bytes": b"1.26.3" + b" " * 27,
    "a megabyte": b"1" * (1 << 20),
    "range": b">=1.26.3",
    "line of releases": b"1.26",
    "leading zero": b"1.026.3",
    "negative": b"1.-26.3",
    "hexadecimal": b"1.0x1a.3",
}
"""Contents of `.go-version` that must be refused."""

OTHERS: dict[str, tuple[str, bytes, set[Rule]]] = {
    "go.mod: slash in toolchain": ("go.mod", b"module m\ngo 1.21\ntoolchain go1.999999-/run.sh\n", {Rule.MALFORMED}),
    "go.mod: another toolchain after a NUL": ("go.mod", b"module m\0\ntoolchain go1.20\n", {Rule.UNREADABLE}),
    "go.mod: toolchain above": ("go.mod", b"go 1.21\ntoolchain go1.999.1\n", {Rule.DRIFT}),
    "go.mod: two toolchain lines": ("go.mod", b"go 1.21\ntoolchain go1.26.3\ntoolchain go1.26.4\n", {Rule.DRIFT}),
    "go.mod: full-width digits": ("go.mod", "go 1.21\ntoolchain go1.2\uff16.4\n".encode(), {Rule.MALFORMED}),
    "go.sum: toolchain": ("go.sum", b"golang.org/toolchain v0.0.1-go1.26.3 h1:x\n", {Rule.TOOLCHAIN_IN_GO_SUM}),
    "go.sum: indented": ("go.sum", b"a b c\n \tgolang.org/toolchain\tv1 h1:x\n", {Rule.TOOLCHAIN_IN_GO_SUM}),
    "go.sum: carriage return": ("go.sum", b"a v1 h1:x\r\ngolang.org/toolchain v1 h1:x\r\n", {Rule.TOOLCHAIN_IN_GO_SUM}),
    "go.work.sum: toolchain": ("go.work.sum", b"golang.org/toolchain v1 h1:x\n", {Rule.TOOLCHAIN_IN_GO_SUM}),
    "go.sum: only alike": ("go.sum", b"golang.org/toolchains v1 h1:x\nxgolang.org/toolchain v1 h1:x\n", set()),
    "Dockerfile: command in the tag": ("Dockerfile", b"FROM golang:$(touch executed)\n", set()),
    "Dockerfile: NUL": ("Dockerfile", b"FROM golang:1.26.3\0\n", {Rule.UNREADABLE}),
    "Dockerfile: byte order mark": ("Dockerfile", b"\xef\xbb\xbfFROM golang:1.20\n", {Rule.DRIFT}),
    "Dockerfile: heredoc that never ends": ("Dockerfile", b"RUN <<E\nFROM golang:1.20\n", {Rule.DRIFT}),
    "Dockerfile: argument of itself": ("Dockerfile", b"ARG A=${A}\nFROM golang:${A}\n", set()),
    "Dockerfile: doubling arguments": (
        "Dockerfile",
        b"ARG A=1.20\n" + b"ARG A=$A$A$A$A\n" * 60 + b"FROM golang:$A\nFROM golang:1.20\n",
        {Rule.DRIFT},
    ),
    "Dockerfile: a line of 40 KB": ("Dockerfile", b"#" * 40_000 + b"\nFROM golang:1.20\n", {Rule.UNREADABLE}),
    "Dockerfile: database off, continued": ("Dockerfile", b"RUN a \\\n  GOSUMDB=off b\n", {Rule.CHECKSUM_DATABASE_OFF}),
    "Dockerfile: database off, quoted": ("Dockerfile", b'ENV GOSUMDB="off"\n', {Rule.CHECKSUM_DATABASE_OFF}),
    "Dockerfile: toolchain private": ("Dockerfile", b"ENV GOPRIVATE=a,golang.org/*\n", {Rule.CHECKSUM_DATABASE_OFF}),
    "workflow: command in a name": (".github/workflows/a.yml", b"name: '::error::x'\nrun: $(touch executed)\n", set()),
    "workflow: 10,000 levels": (".github/workflows/a.yml", b"go: " + b"[" * 10_000 + b"golang:1.20", {Rule.DRIFT}),
    "devcontainer: 20,000 levels": ("devcontainer.json", b"{\n" * 20_000 + b'"golang:1.20"', {Rule.DRIFT}),
    "devcontainer: comment that never ends": ("devcontainer.json", b'{"image": "golang:1.20", /*', {Rule.DRIFT}),
}  # fmt: skip


def write(root: Path, name: str, content: bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize("content", VERSION_FILES.values(), ids=list(VERSION_FILES))
def test_a_hostile_version_file_is_refused_and_quoted(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, ".go-version", content)
    (finding,) = audit_tree(tmp_path).findings
    assert finding.rule is Rule.BAD_SOURCE
    assert finding.message.isascii() or "…" in finding.message
    assert finding.message.isprintable()
    assert [path.name for path in tmp_path.iterdir()] == [".go-version"]


@pytest.mark.parametrize(("name", "content", "rules"), OTHERS.values(), ids=list(OTHERS))
def test_a_hostile_file_is_read_for_what_it_says(
    tmp_path: Path, name: str, content: bytes, rules: set[Rule], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, ".go-version", b"1.26.3\n")
    write(tmp_path, name, content)
    assert {finding.rule for finding in audit_tree(tmp_path).findings} == rules
    assert not (tmp_path / "executed").exists()


def test_the_twin_a_usable_version_file_is_no_finding(tmp_path: Path) -> None:
    for content in (b"1.26.3", b"1.26.3\n", b"go1.26.3\n", b"1.27rc1\n", b"1.20\n"):
        write(tmp_path, ".go-version", content)
        assert audit_tree(tmp_path).clean, content


def test_there_are_enough_of_them() -> None:
    assert len(VERSION_FILES) + len(OTHERS) >= 60
