"""Readers of Go's own files: go.mod, go.work, go.sum, and further `.go-version` files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.core.drift.model import Document, Hit, Kind, Mention, Named
from pipeline.core.drift.versions import read_version
from pipeline.core.go_version import quote

_LINE: Final = re.compile(r"\s*(?P<word>go|toolchain)\s+(?P<lead>go)?(?P<version>\S+)\s*(?://.*)?")


def read_go_mod(document: Document) -> Iterator[Mention]:
    """Yield the `go` line (a lower bound) and the `toolchain` line (what the Go command switches to).

    `toolchain default` names nothing. Source: go.dev/ref/mod#go-mod-file-toolchain.
    """
    depth = 0
    for number, line in enumerate(document.lines, 1):
        code = line.partition("//")[0].rstrip()
        if depth == 0 and (found := _LINE.fullmatch(line)):
            kind = Kind.LOWER_BOUND if found["word"] == "go" else Kind.EXACT
            named = read_version(found["version"], kind)
            hit = _hit(found, kind, named)
            if hit is not None:
                yield document.mention(number, hit)
        depth += code.endswith("(")
        depth -= code.strip() == ")"


def _hit(found: re.Match[str], kind: Kind, named: Named | None) -> Hit | None:
    column, text, what = found.start("version"), found["version"], f"{found['word']} line"
    if found["word"] == "toolchain" and text == "default":
        return None
    if named is None or named == Named():
        return Hit(column, text, Named(), Kind.MALFORMED, f"{what} {quote(text.encode('utf-8', 'replace'))}")
    return Hit(column, text, named, kind, what)


def read_go_sum(document: Document) -> Iterator[Mention]:
    """Yield each line that vouches for a toolchain. Source: CVE-2026-94447 (go#81834)."""
    for number, line in enumerate(document.lines, 1):
        if line.lstrip().startswith("golang.org/toolchain") and line.lstrip()[20:21] in {" ", "\t", "@"}:
            text = line.strip()
            yield document.mention(number, Hit(line.index("g"), text[:64], Named(), Kind.GO_SUM, "go.sum"))


def read_version_file(document: Document) -> Iterator[Mention]:
    """Yield the version of a `.go-version`, `.gvmrc` or alike: the first line that is not empty."""
    for number, line in enumerate(document.lines, 1):
        text = line.strip()
        bare = text.removeprefix("go")
        if not text or text.startswith("#"):
            continue
        if named := read_version(bare, Kind.EXACT):
            yield document.mention(number, Hit(line.index(bare), bare, named, Kind.EXACT, document.name))
        return


def effective_version(document: Document) -> tuple[Named, str]:
    """Return the version a go.mod or go.work leads to, and the line that says so (`toolchain`, else `go`).

    Without a toolchain line, Go reads `go V` as an implicit `toolchain goV`. Source: go.dev/doc/toolchain.
    """
    found = {mention.what: mention for mention in read_go_mod(document) if mention.kind is not Kind.MALFORMED}
    for what in ("toolchain line", "go line"):
        if what in found:
            return _as_release(found[what]), what
    return Named(), ""


def _as_release(mention: Mention) -> Named:
    return read_version(mention.text, Kind.EXACT) or Named()
