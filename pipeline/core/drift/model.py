"""What the audit speaks of: mentions, the version in force, rules, findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from pipeline.core.go_version import GoVersion

SEVERAL: Final = "several versions in a row are there on purpose"
COMBINATION: Final = "a combination of a matrix names its version on purpose"


class Kind(StrEnum):
    """How a mention binds the version, and so how it is compared.

    EXACT: takes exactly what is written. RANGE: resolves a partial name to the newest match (image tags, setup-go).
    LOCKED: fixed elsewhere (a digest, a lock file), so that a partial name does not move. LOWER_BOUND: any newer
    release will do. POINTER: names another file. TOOL: a Go program at a moving version. UNSAFE: a setting that
    lets an unchecked toolchain in. GO_SUM: a toolchain's checksum in the project's own go.sum. MALFORMED: a place of
    a version that holds none.
    """

    EXACT = "exact"
    RANGE = "range"
    LOCKED = "locked"
    LOWER_BOUND = "lower bound"
    POINTER = "pointer"
    TOOL = "tool"
    UNSAFE = "unsafe"
    GO_SUM = "go.sum"
    MALFORMED = "malformed"


class Rule(StrEnum):
    """What can be wrong. The values are the public ids: SARIF, `audit.toml` and the corpus use them."""

    DRIFT = "drift"
    FLOATING = "floating"
    OPAQUE = "opaque"
    LOWER_BOUND = "lower-bound"
    FLOATING_TOOL = "floating-tool"
    CHECKSUM_DATABASE_OFF = "checksum-database-off"
    TOOLCHAIN_IN_GO_SUM = "toolchain-in-go-sum"
    MALFORMED = "malformed"
    BAD_SOURCE = "bad-source"
    NO_SINGLE_SOURCE = "no-single-source"
    UNREADABLE = "unreadable"
    UNUSED_EXCEPTION = "unused-exception"


MEANING: Final[dict[Rule, str]] = {
    Rule.DRIFT: "A place names another Go version than the one in force.",
    Rule.FLOATING: "A place names a Go version that will be another one tomorrow.",
    Rule.OPAQUE: "A place fixes Go by digest or lock file, without an exact version to compare.",
    Rule.LOWER_BOUND: "A go line demands more than the version in force, so that the Go command switches or refuses.",
    Rule.FLOATING_TOOL: "A Go tool is taken at a moving version: its own go.mod chooses the Go that compiles it.",
    Rule.CHECKSUM_DATABASE_OFF: "A setting lets modules or toolchains in that the checksum database has not seen.",
    Rule.TOOLCHAIN_IN_GO_SUM: "go.sum vouches for a toolchain, in place of the checksum database (CVE-2026-94447).",
    Rule.MALFORMED: "A go or toolchain line is no Go release; a crafted one has run programs (CVE-2023-39320).",
    Rule.BAD_SOURCE: "The file .go-version is there and cannot be used.",
    Rule.NO_SINGLE_SOURCE: "No file decides the Go version, and two places name different ones.",
    Rule.UNREADABLE: "A file that can name a Go version could not be read, so nothing is known of it.",
    Rule.UNUSED_EXCEPTION: "An exception in audit.toml matches nothing any more.",
}


@dataclass(frozen=True, slots=True)
class Named:
    """What a piece of text names: an exact release, else a whole line (`minor`), else something that moves."""

    exact: GoVersion | None = None
    minor: int | None = None

    def __str__(self) -> str:
        """Return the version, or the line as `1.N.x`, or `a moving version`."""
        if self.exact is not None:
            return str(self.exact)
        return "a moving version" if self.minor is None else f"1.{self.minor}.x"


@dataclass(frozen=True, slots=True)
class Hit:
    """A mention within one line of text. `column` counts characters from 0.

    `text` is what a correction would replace, by `template` with `{}` for the version; `obstacle` says why no
    correction is safe, and is empty when one is; `beyond_line` is an obstacle when another line of releases is in
    force (1.26.x beside 1.25.3). `what` says in words which construct it is.
    """

    column: int
    text: str
    named: Named
    kind: Kind
    what: str
    template: str = "{}"
    obstacle: str = ""
    beyond_line: str = ""

    def shifted(self, columns: int) -> Hit:
        """Return the hit so many columns further right."""
        return replace(self, column=self.column + columns)

    def unfixable(self, obstacle: str) -> Hit:
        """Return the hit with an obstacle, unless it has one or there is none."""
        return replace(self, obstacle=obstacle) if obstacle and not self.obstacle else self


@dataclass(frozen=True, slots=True)
class Mention:
    """One place that names a Go version. `line` and `column` count from 1; `file` is relative, with slashes."""

    file: str
    line: int
    column: int
    text: str
    version: Named
    kind: Kind
    what: str
    template: str = "{}"
    obstacle: str = ""
    beyond_line: str = ""


@dataclass(frozen=True, slots=True)
class Truth:
    """The version in force and the place that says so; `version` names nothing when there is no source at all."""

    version: Named
    file: str
    reason: str

    @property
    def known(self) -> bool:
        """Tell whether there is something to compare with."""
        return self.version != Named()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong at one place.

    `correction` is the new text for `text`, None when none is safe; `obstacle` says why a wrong version has none.
    """

    rule: Rule
    file: str
    line: int
    column: int
    text: str
    message: str
    correction: str | None = None
    obstacle: str = ""

    @property
    def told(self) -> str:
        """Return the message with what `--fix` would do."""
        if self.correction is not None:
            return f"{self.message} (--fix writes {self.correction})"
        return f"{self.message} (no --fix: {self.obstacle})" if self.obstacle else self.message


@dataclass(frozen=True, slots=True)
class Document:
    """One file as the readers see it: its path relative to the root, with slashes, and its lines without ends."""

    path: str
    lines: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition("/")[2]

    def mention(self, number: int, hit: Hit) -> Mention:
        """Place a hit of line `number` (from 1) in this document."""
        return Mention(
            self.path,
            number,
            hit.column + 1,
            hit.text,
            hit.named,
            hit.kind,
            hit.what,
            hit.template,
            hit.obstacle,
            hit.beyond_line,
        )


Reader = Callable[[Document], Iterable[Mention]]


def make_document(path: str, text: str) -> Document:
    r"""Split text into lines at \n, without a trailing \r, so that columns and line numbers are an editor's.

    A byte order mark, which builders skip, becomes a space, so that it hides nothing and moves nothing.
    """
    if text.startswith("\ufeff"):
        text = " " + text[1:]
    return Document(path, tuple(line.removesuffix("\r") for line in text.split("\n")))
