"""Hostile contents and what the audit says of each: `python tests/corpus/hostile.py` prints the table of docs/hostile-input.md."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.core.drift.audit import Audit
from pipeline.core.drift.formats import printable
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


def _link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _hole(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


SPECIAL: dict[str, tuple[str, Callable[[Path], None], Rule]] = {
    ".go-version: a symbolic link": (".go-version", _link, Rule.BAD_SOURCE),
    ".go-version: a FIFO": (".go-version", os.mkfifo, Rule.BAD_SOURCE),
    ".go-version: a folder": (".go-version", Path.mkdir, Rule.BAD_SOURCE),
    ".go-version: 1 GiB": (".go-version", _hole, Rule.BAD_SOURCE),
    "go.mod: a symbolic link out of the repository": ("go.mod", _link, Rule.UNREADABLE),
    "go.mod: a FIFO": ("go.mod", os.mkfifo, Rule.UNREADABLE),
    "go.sum: 1 GiB": ("go.sum", _hole, Rule.UNREADABLE),
    "Dockerfile: a FIFO": ("Dockerfile", os.mkfifo, Rule.UNREADABLE),
    "Dockerfile: a symbolic link out of the repository": ("Dockerfile", _link, Rule.UNREADABLE),
    "Dockerfile: 1 GiB": ("Dockerfile", _hole, Rule.UNREADABLE),
}
"""What is no ordinary file; a read would wait, leave the repository, or fill the memory."""


def write(root: Path, name: str, content: bytes) -> None:
    """Write a file below `root`."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def audited(name: str, make: Callable[[Path], None]) -> Audit:
    """Audit a repository with a usable `.go-version` and one file that `make` makes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if name != ".go-version":
            write(root, ".go-version", b"1.26.3\n")
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        make(root / name)
        return audit_tree(root)


def cases() -> Iterator[tuple[str, str, str, Callable[[Path], None]]]:
    """Yield what it is, how its bytes are shown, the file's name, and a function that makes it."""
    for what, content in VERSION_FILES.items():
        yield f".go-version: {what}", _shown(content), ".go-version", _writer(content)
    for what, (name, content, _) in OTHERS.items():
        yield what, _shown(content), name, _writer(content)
    for what, (name, make, _) in SPECIAL.items():
        yield what, "", name, make


def table() -> str:
    """Return the table of docs/hostile-input.md."""
    rows = ["| what | bytes | what is said |", "| --- | --- | --- |"]
    for what, shown, name, make in cases():
        said = "; ".join(f"{found.rule}: {found.message}" for found in audited(name, make).findings) or "nothing: it names no Go"
        cells = (what, f"`{shown}`" if shown else "", printable(said))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def _writer(content: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(content)

    return make


def _shown(content: bytes) -> str:
    return repr(content[:40])[2:-1].replace("`", "'") + ("…" if len(content) > 40 else "")


if __name__ == "__main__":
    print(table())
