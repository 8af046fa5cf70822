"""Values of YAML and JSON with the place they were written, for reading, not for validating.

A library parser gives values without positions, or follows anchors and tags; the audit needs line and column, must
not fail on templates (`{{ }}`, `<< >>`), and must stay linear in the file's size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

_QUOTED: Final = r"\"(?P<double>(?:[^\"\\]|\\.)*+)\"|'(?P<single>(?:[^']|'')*+)'"
_REST: Final = (
    r"(?P<mark>[{}\[\],]|:(?=[\s{}\[\],\"']|$))"
    r"|(?P<bare>[^\s{}\[\],\"':#](?:\$\{[^}\n]*\}|<<[^>\n]*>>|[^\s{}\[\],:]|:(?=\S))*)"
)
_JSON_COMMENT: Final = r"(?P<comment>//[^\n]*|/\*(?:.*?\*/|.*))"
_YAML_COMMENT: Final = r"(?P<comment>(?:(?<=\s)|^)#[^\n]*)"
_JSON_TOKEN: Final = re.compile(f"{_QUOTED}|{_JSON_COMMENT}|{_REST}", re.DOTALL)
_YAML_TOKEN: Final = re.compile(f"{_QUOTED}|{_YAML_COMMENT}|{_REST}", re.DOTALL)
MAX_DEPTH: Final = 256
"""Levels of a flow collection that are told apart; a deeper one is read as if it were level 256."""


@dataclass(eq=False, slots=True)
class Frame:
    """One mapping: its parent, the key that leads to it, and its plain values, complete once the file is read.

    `is_item` tells that it is an item of that key's list. `inner` has the mappings below it by their keys.
    """

    parent: Frame | None = None
    key: str = ""
    is_item: bool = False
    values: dict[str, str] = field(default_factory=dict)
    inner: dict[str, Frame] = field(default_factory=dict)

    def below(self, key: str, *, is_item: bool) -> Frame:
        """Make the mapping that a key of this one leads to."""
        frame = Frame(self, key, is_item)
        self.inner.setdefault(key, frame)
        return frame

    def above(self) -> Iterator[Frame]:
        """Yield this mapping and those that it stands in, innermost first."""
        frame: Frame | None = self
        while frame is not None:
            yield frame
            frame = frame.parent

    def keys(self) -> Iterator[str]:
        """Yield the keys that lead here, innermost first."""
        return (frame.key for frame in self.above())


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value: `line` from 1, `column` from 0, the key it belongs to, and the mapping it stands in.

    `listed` is the number of values of that key's list, 0 when it is no list; `block` the number of lines of the block
    scalar that it is a line of, 0 when it is none.
    """

    line: int
    column: int
    text: str
    key: str
    frame: Frame
    listed: int = 0
    block: int = 0

    def inside(self, *names: str) -> bool:
        """Tell whether one of the keys above this value has one of the names, in lower case."""
        return any(key.lower() in names for key in self.frame.keys())  # noqa: SIM118 - a method of Frame


Anchors = dict[str, tuple[Scalar, ...]]
"""What an anchor stands for: one value, or the values of a list; an anchored mapping is read where it stands."""


def aliased(targets: tuple[Scalar, ...], key: str, frame: Frame) -> list[Scalar]:
    """Return what an alias stands for, as values of the key it is given to, at the place where they were written."""
    listed = len(targets) if len(targets) > 1 else 0
    return [replace(old, key=key, frame=frame, listed=listed or old.listed) for old in targets]


@dataclass(slots=True)
class _Open:
    frame: Frame
    is_list: bool
    key: str
    anchor: str = ""
    items: list[int] = field(default_factory=list)


def json_document_scalars(text: str, lines: int) -> list[Scalar]:
    """Read JSON of so many lines; comments are allowed, as editors and devcontainers do."""
    starts = [(number, 0) for number in range(1, lines + 1)]
    return _scalars(_JSON_TOKEN, _Flow(text, starts, Frame(), ""), text)


def flow_scalars(text: str, starts: list[tuple[int, int]], frame: Frame, key: str, anchors: Anchors) -> list[Scalar]:
    """Read a YAML flow collection; `anchors` are those above it and get those in it.

    `starts` maps offsets: for each line of `text` its line number and the column its first character has.
    """
    return _scalars(_YAML_TOKEN, _Flow(text, starts, frame, key, anchors), text)


def _scalars(tokens: re.Pattern[str], reader: _Flow, text: str) -> list[Scalar]:
    for token in tokens.finditer(text):
        reader.take(token)
    return reader.finish()


class _Flow:
    """A stack machine over tokens; anything unbalanced is read as far as it goes."""

    def __init__(
        self, text: str, starts: list[tuple[int, int]], frame: Frame, key: str, anchors: Anchors | None = None
    ) -> None:
        self._anchors = anchors
        self._anchor = ""
        self.scalars: list[Scalar] = []
        self._starts = starts
        self._breaks = [match.end() for match in re.finditer("\n", text)]
        self._line = 0
        self._stack = [_Open(frame, is_list=False, key=key)]
        self._pending: tuple[int, str, tuple[Scalar, ...]] | None = None

    def take(self, token: re.Match[str]) -> None:
        """Handle one token."""
        mark = token["mark"]
        if mark == ":":
            if self._pending is not None:
                self._stack[-1].key = self._pending[1]
                self._pending = None
        elif mark in ("{", "["):
            self._open(is_list=mark == "[")
        elif mark is not None:
            self._flush()
            if mark != "," and len(self._stack) > 1:
                self._close()
            elif not self._stack[-1].is_list:
                self._stack[-1].key = ""
        elif not token["comment"]:
            self._value(token)

    def finish(self) -> list[Scalar]:
        """Return all values, the last one included when nothing closes it."""
        self._flush()
        return self.scalars

    def _open(self, *, is_list: bool) -> None:
        anchor, self._anchor = self._anchor, ""
        if len(self._stack) <= MAX_DEPTH:
            top = self._stack[-1]
            frame = top.frame if is_list else top.frame.below(top.key, is_item=top.is_list)
            self._stack.append(_Open(frame, is_list, top.key if is_list else "", anchor))

    def _value(self, token: re.Match[str]) -> None:
        group, text = str(token.lastgroup), token[str(token.lastgroup)]
        targets: tuple[Scalar, ...] = ()
        if group == "bare" and self._anchors is not None:
            if text[0] in "&!":
                self._anchor = text[1:] if text[0] == "&" else self._anchor
                return
            targets = self._anchors.get(text[1:], ()) if text[0] == "*" else ()
        self._flush()
        self._pending = (token.start(group), text, targets)

    def _flush(self) -> None:
        if self._pending is None:
            return
        offset, text, targets = self._pending
        self._pending = None
        top = self._stack[-1]
        written = list[Scalar]()
        for part in text.split("\n"):  # a quoted value may go on over several lines
            written.append(Scalar(*self._place(offset), part, top.key, top.frame))
            offset += len(part) + 1
        if self._anchor and self._anchors is not None:
            self._anchors[self._anchor], self._anchor = tuple(written), ""
        for scalar in aliased(targets, top.key, top.frame) or written:
            if top.key and not top.is_list:
                top.frame.values.setdefault(top.key, scalar.text)
            if top.is_list:
                top.items.append(len(self.scalars))
            self.scalars.append(scalar)

    def _close(self) -> None:
        closed = self._stack.pop()
        items = closed.items
        for index in items:
            self.scalars[index] = replace(self.scalars[index], listed=len(items))
        if closed.anchor and closed.is_list and self._anchors is not None:
            self._anchors[closed.anchor] = tuple(self.scalars[index] for index in items)
        if not self._stack[-1].is_list:
            self._stack[-1].key = ""

    def _place(self, offset: int) -> tuple[int, int]:
        while self._line < len(self._breaks) and self._breaks[self._line] <= offset:
            self._line += 1
        begin = self._breaks[self._line - 1] if self._line else 0
        line, column = self._starts[min(self._line, len(self._starts) - 1)]
        return line, column + offset - begin
