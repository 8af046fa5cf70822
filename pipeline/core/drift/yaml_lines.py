"""Block-style YAML as scalars with positions: mappings, lists, block scalars, and flow collections inside."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from pipeline.core.drift.commands import without_comment
from pipeline.core.drift.scalars import Anchors, Frame, Scalar, aliased, flow_scalars, json_document_scalars

_DASH: Final = re.compile(r"-(?:\s+|$)")
_KEY: Final = re.compile(
    r"(?P<key>\"[^\"]*\"|'[^']*'|[^\s\"'#\[\]{},&*!|>%@-][^\s\"'#]*?"
    r"|[\w.$()<{-][\w.$(){}/<>-]*(?: [\w.$(){}/<>-]+)*+)\s*+:(?:\s+|$)"
)
_BLOCK: Final = re.compile(r"[|>][+-]?[0-9]?[+-]?\s*")
_PROPERTIES: Final = re.compile(r"(?:(?:&(?P<anchor>[^\s&]+)|!\S*)(?:\s+|$))+")
_MAX_FLOW_LINES: Final = 400


@dataclass(slots=True)
class _Level:
    """One open mapping or list: the column it starts at and, for a list, the key whose values it holds."""

    column: int
    frame: Frame
    key: str
    is_list: bool = False
    anchor: str = ""
    items: list[int] = field(default_factory=list)


def yaml_scalars(lines: tuple[str, ...]) -> list[Scalar]:
    """Return every plain value of a YAML file, in order; a line of a block scalar is a value of its own."""
    return _Reader(lines).read()


class _Reader:
    def __init__(self, lines: tuple[str, ...]) -> None:
        self._lines = lines
        self._levels = [_Level(-1, Frame(), "")]
        self._scalars: list[Scalar] = []
        self._anchors: Anchors = {}
        self._anchor = ""
        self._number = 0

    def read(self) -> list[Scalar]:
        while self._number < len(self._lines):
            line = without_comment(self._lines[self._number]).rstrip()
            self._number += 1
            column = len(line) - len(line.lstrip())
            if line and not line.startswith("%"):
                self._entry(line, column)
        self._close_to(-1, is_dash=False)
        return self._scalars

    def _entry(self, line: str, column: int) -> None:
        while dash := _DASH.match(line, column):
            self._close_to(column, is_dash=True)
            self._open_item(column)
            column = dash.end()
            if column >= len(line):
                return
        properties = _PROPERTIES.match(line, column)
        start = properties.end() if properties else column
        key = None if _is_flow(line[start : start + 2]) else _KEY.match(line, start)
        if key is None:
            self._value(line, column)
            return
        self._anchor = ""  # of a mapping, which is read where it stands
        self._close_to(column, is_dash=False)
        top = self._levels[-1]
        if top.column != column or top.is_list:
            top = _Level(column, top.frame.below(top.key, is_item=top.is_list), "")
            self._levels.append(top)
        top.key = key["key"].strip("\"'")
        if key.end() < len(line):
            self._value(line, key.end())

    def _open_item(self, column: int) -> None:
        top = self._levels[-1]
        if top.column != column or not top.is_list:
            self._levels.append(_Level(column, top.frame, top.key, is_list=True, anchor=self._take_anchor()))

    def _close_to(self, column: int, *, is_dash: bool) -> None:
        """Close what starts to the right; a list may stand in the same column as the key that it belongs to."""
        while len(self._levels) > 1:
            top = self._levels[-1]
            if top.column < column or (top.column == column and (is_dash or not top.is_list)):
                return
            self._close(self._levels.pop())

    def _close(self, level: _Level) -> None:
        for index in level.items:
            self._scalars[index] = replace(self._scalars[index], listed=len(level.items))
        if level.anchor:
            self._anchors[level.anchor] = tuple(self._scalars[index] for index in level.items)

    def _value(self, line: str, column: int) -> None:
        properties = _PROPERTIES.match(line, column)
        start = properties.end() if properties else column
        text = line[start:]
        if _is_flow(text):
            self._flow(line, column)
            return
        if properties:
            self._anchor = properties["anchor"] or ""
        if not text:
            return  # the value follows in the next lines
        if _BLOCK.fullmatch(text):
            self._block(self._parent_indent())
        else:
            self._plain(text, start)

    def _take_anchor(self) -> str:
        anchor, self._anchor = self._anchor, ""
        return anchor

    def _parent_indent(self) -> int:
        return max(self._levels[-1].column, 0) if len(self._levels) > 1 else -1

    def _plain(self, text: str, column: int) -> None:
        top = self._levels[-1]
        targets = self._anchors.get(text[1:]) if text[0] == "*" else None
        if len(text) > 1 and text[0] in "\"'" and text.endswith(text[0]):
            text, column = text[1:-1], column + 1
        written = Scalar(self._number, column, text, top.key, top.frame)
        self._add(aliased(targets, top.key, top.frame) if targets else [written])

    def _add(self, scalars: list[Scalar]) -> None:
        """Take the values of one node, which is one item where it stands in a list."""
        top = self._levels[-1]
        if top.key and not top.is_list and scalars:
            top.frame.values.setdefault(top.key, scalars[0].text)
        if top.is_list and not scalars[0].block:
            top.items += range(len(self._scalars), len(self._scalars) + len(scalars))
        if anchor := self._take_anchor():
            self._anchors[anchor] = tuple(scalars)
        self._scalars += scalars

    def _block(self, indent: int) -> None:
        top, found = self._levels[-1], list[tuple[int, int, str]]()
        while self._number < len(self._lines):
            line = self._lines[self._number]
            stripped = line.lstrip()
            if stripped and len(line) - len(stripped) <= indent:
                break
            self._number += 1
            if stripped:
                found.append((self._number, len(line) - len(stripped), stripped.rstrip()))
        if found:
            self._add([Scalar(*place, top.key, top.frame, block=len(found)) for place in found])

    def _flow(self, line: str, column: int) -> None:
        parts, starts = [line[column:]], [(self._number, column)]
        depth = _depth(parts[0])
        while depth > 0 and self._number < len(self._lines) and len(parts) < _MAX_FLOW_LINES:
            following = without_comment(self._lines[self._number])
            self._number += 1
            parts.append(following)
            starts.append((self._number, 0))
            depth += _depth(following)
        top = self._levels[-1]
        self._scalars += flow_scalars("\n".join(parts), starts, top.frame, top.key, self._anchors)


def _is_flow(text: str) -> bool:
    """Tell whether a flow collection starts here, and no expression of a template."""
    return text.startswith(("{", "[")) and not text.startswith(("{{", "[["))


def _depth(text: str) -> int:
    return sum(text.count(char) for char in "{[") - sum(text.count(char) for char in "}]")


def json_scalars(lines: tuple[str, ...]) -> list[Scalar]:
    """Return every plain value of a JSON file; comments are allowed, as editors and devcontainers do."""
    return json_document_scalars("\n".join(lines), len(lines))
