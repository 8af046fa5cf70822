"""Where in a TOML text each key stands: tomllib reads values only, and an error should name line and column."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import Final

Path = tuple[str | int, ...]

_TOKEN: Final = re.compile(
    r"""(?P<string>\"\"\"(?:\\.|[^\\])*?\"{3,5}(?!\")|'''.*?'{3,5}(?!')|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
    r"|(?P<space>[ \t]+|\#[^\n]*)|(?P<line>\r?\n)|(?P<mark>[\[\]{},.=])|(?P<word>[^\s\[\]{},.=\#\"']+)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text; both numbers begin with 1."""

    line: int
    column: int

    def __str__(self) -> str:
        """Return `line:column`, as compilers write it and editors read it."""
        return f"{self.line}:{self.column}"


def key_positions(text: str) -> dict[Path, Position]:
    """Return where each key stands first; an element of an array is named by its number, from 0.

    `text` must be TOML that tomllib has accepted: a mistake in it is not noticed here.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.found


def nearest(positions: dict[Path, Position], path: Path) -> Position | None:
    """Return the place of a key, or of the closest table around it; None when none of them stands in the text."""
    return next((positions[path[:length]] for length in range(len(path), 0, -1) if path[:length] in positions), None)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    offset: int


@dataclass(slots=True)
class _Scanner:
    text: str
    tokens: list[_Token] = field(default_factory=list)
    found: dict[Path, Position] = field(default_factory=dict)
    at: int = 0

    def __post_init__(self) -> None:
        for match in _TOKEN.finditer(self.text):
            if match.lastgroup not in (None, "space"):
                self.tokens.append(_Token(str(match.lastgroup), match[0], match.start()))
        self.tokens.append(_Token("end", "", len(self.text)))

    def document(self) -> None:
        table: Path = ()
        counts: dict[Path, int] = {}
        while self._peek().kind != "end":
            if self._take("line"):
                continue
            if not self._take("["):
                self._pair(table)
                continue
            many = self._take("[")
            table = self._key((), counts)
            if many:
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
                self._note(table, self.tokens[self.at - 1])
            while self._take("]"):
                pass

    def _pair(self, table: Path) -> None:
        path = self._key(table, {})
        self._take("=")
        self._value(path)

    def _key(self, path: Path, counts: dict[Path, int]) -> Path:
        """Read a dotted key; where a part of it is an array of tables, its last element is meant."""
        while True:
            token = self._next()
            path = (*path, _name(token))
            self._note(path, token)
            if not self._take("."):
                return path
            if path in counts:
                path = (*path, counts[path])

    def _value(self, path: Path) -> None:
        if self._take("["):
            number = 0
            while not self._take("]"):
                if self._take("line") or self._take(","):
                    continue
                self._note((*path, number), self._peek())
                self._value((*path, number))
                number += 1
        elif self._take("{"):
            while not self._take("}"):
                if not (self._take(",") or self._take("line")):
                    self._pair(path)
        else:
            self._next()
            while self._peek().kind == "word" or self._peek().text == ".":  # 1.5, or a date with a space
                self._next()

    def _note(self, path: Path, token: _Token) -> None:
        before = self.text[: token.offset]
        column = token.offset - (before.rfind("\n") + 1) + 1
        self.found.setdefault(path, Position(before.count("\n") + 1, column))

    def _peek(self) -> _Token:
        return self.tokens[self.at]

    def _next(self) -> _Token:
        token = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def _take(self, wanted: str) -> bool:
        token = self._peek()
        if token.kind == "end":
            return wanted in "]}"  # so that no loop can run for ever on a text that is no TOML
        if wanted not in (token.kind, token.text) or token.kind in ("string", "word"):
            return False
        self.at += 1
        return True


def _name(token: _Token) -> str:
    if token.kind != "string":
        return token.text
    return next(iter(tomllib.loads(f"{token.text} = 0")), token.text)
