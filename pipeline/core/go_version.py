"""The strict grammar of a Go version, as `.go-version` and GO_VERSION hold it.

It is stricter than the Go command's own: a version ends up in an environment variable that decides which program
runs (CVE-2023-39320), so anything else is refused. Which place wins is decided in `go_resolution`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pipeline.errors import InputError

MAX_BYTES: Final = 32
FIRST_WITH_PATCH_ZERO: Final = 21
"""Since Go 1.21 the first release of a line is 1.N.0; before, it was 1.N. Source: go.dev/doc/toolchain."""

_GRAMMAR: Final = re.compile(
    rb"(?:go)?1\.(?P<minor>0|[1-9][0-9]{0,2})"
    rb"(?:\.(?P<patch>0|[1-9][0-9]{0,2})|(?P<stage>rc|beta)(?P<number>[1-9][0-9]?))?"
)
WANTED: Final = "one line such as 1.26.10, go1.26.10, 1.27rc2 or 1.27beta1"


@dataclass(frozen=True, slots=True)
class GoVersion:
    """An exact Go release, `1.<minor>[.<patch>]` or a pre-release `1.<minor>(rc|beta)<number>`."""

    minor: int
    patch: int | None = None
    stage: str = ""
    number: int = 0

    def __str__(self) -> str:
        """Return the version as `.go-version` spells it, without `go`."""
        patch = "" if self.patch is None else f".{self.patch}"
        return f"1.{self.minor}{patch}{self.stage}{self.number if self.stage else ''}"

    @property
    def toolchain(self) -> str:
        """Return the name that GOTOOLCHAIN and `go version` use, such as `go1.26.10`."""
        return f"go{self}"

    @property
    def order(self) -> tuple[int, int, int, int]:
        """Return a key that sorts releases by age: betas, release candidates, then patches."""
        stage = {"beta": 0, "rc": 1, "": 2}[self.stage]
        return (self.minor, stage, self.number, self.patch or 0)


def parse_go_version(content: bytes, *, where: str) -> GoVersion:
    """Read the content of a `.go-version` file or of GO_VERSION: one version, with at most one line end behind it.

    Raises: InputError, quoting the offending bytes, for anything else: other words (`local`, `auto`), more lines,
    other digits than 0-9, a byte order mark, over 32 bytes, or a line without its first release (`1.26`).
    Source: reliability reference 2.3.
    """
    line = content.removesuffix(b"\n")
    match = _GRAMMAR.fullmatch(line) if len(content) <= MAX_BYTES else None
    if match is None:
        raise InputError("not a Go version", seen=quote(content), wanted=WANTED, where=where, next_step=_hint(content))
    minor = int(match["minor"])
    patch = None if match["patch"] is None else int(match["patch"])
    _refuse_never_released(minor, patch, match["stage"], seen=quote(line), where=where)
    return GoVersion(minor, patch, (match["stage"] or b"").decode(), int(match["number"] or 0))


def quote(content: bytes) -> str:
    """Return bytes as printable ASCII in quotes, cut after 48 bytes with the length said."""
    shown = repr(content[:48])[1:]
    return shown if len(content) <= 48 else f"{shown}… ({len(content)} bytes)"  # noqa: PLR2004 - the line's width


def _refuse_never_released(minor: int, patch: int | None, stage: bytes | None, *, seen: str, where: str) -> None:
    if stage:
        return
    if patch is None and minor >= FIRST_WITH_PATCH_ZERO:
        raise InputError(
            "a line of Go releases, not a release: it has no toolchain",
            seen=seen,
            wanted=WANTED,
            where=where,
            next_step=f"name a release of that line; the first one is 1.{minor}.0",
        )
    if patch == 0 and minor < FIRST_WITH_PATCH_ZERO:
        raise InputError(
            "there is no such Go release", seen=seen, wanted=f"1.{minor}", where=where, next_step=f"write 1.{minor}"
        )


def _hint(content: bytes) -> str:
    if content in {b"", b"\n"}:
        return "write a version into it"
    if b"\r" in content:
        return "the line ends in a carriage return: save the file with Unix line ends"
    if content.startswith(b"\xef\xbb\xbf"):
        return "remove the byte order mark in front"
    if content.strip() != content.removesuffix(b"\n"):
        return "remove the white space and empty lines around the version"
    return "write one exact version and nothing else"
