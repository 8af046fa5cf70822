"""Reader of Dockerfiles (and Earthfiles): ARG defaults, ENV, FROM, COPY --from, RUN with its continuations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from pipeline.core.drift.commands import assigned, commands_in, without_comment
from pipeline.core.drift.images import UNKNOWN, image_slot
from pipeline.core.drift.model import Document, Hit, Mention

_INSTRUCTION: Final = re.compile(r"\s*(?P<word>[A-Za-z]+)\s+(?P<rest>\S.*)")
_HEREDOC: Final = re.compile(r"(?<![^\s\d])<<-?([\"']?)(?P<end>[A-Za-z_]\w*)\1")
_ESCAPE: Final = re.compile(r"#\s*escape\s*=\s*(?P<char>\S)\s*", re.IGNORECASE)
_REFERENCE: Final = re.compile(r"\$(?:\{(?P<braced>\w+)(?::?(?P<operator>[-+?])(?P<word>[^}]*))?\}|(?P<plain>\w+))")
_ARGUMENT: Final = re.compile(r"(?<!\w)(?P<name>\w++)(?:=(?P<quote>[\"']?)(?P<value>[^\s\"']*+)(?P=quote))?(?:\s+|$)")
_OLD_ENV: Final = re.compile(r"\s*ENV\s+(?P<name>\w+)\s+(?P<value>[^=\s]+)\s*", re.IGNORECASE)
_FROM: Final = re.compile(r"\s*FROM\s+(?:--\S+\s+)*(?P<reference>\S+)(?:\s+AS\s+(?P<stage>\S+))?", re.IGNORECASE)
_MAX_EXPANSION: Final = 512


class _Char(NamedTuple):
    """A character and where it was written, since an ARG's value ends up in a FROM far below."""

    char: str
    line: int
    column: int


@dataclass(slots=True)
class _State:
    """What the instructions so far have defined: ARG defaults, stages, and where a heredoc ends."""

    arguments: dict[str, list[_Char]] = field(default_factory=dict)
    stages: set[str] = field(default_factory=set)


def read_dockerfile(document: Document) -> Iterator[Mention]:
    """Yield a mention per version, at the place to change: the ARG's default, not the FROM that uses it.

    Understands the escape directive, continuation lines, `${ARG:-default}`, stage names, and heredocs (commands in
    a RUN are read, texts of a COPY are not). An argument without default is somebody else's choice and names nothing.
    Source: Dockerfile reference.
    """
    seen: set[tuple[int, int]] = set()
    for mention in _mentions(document):
        if (mention.line, mention.column) not in seen:
            seen.add((mention.line, mention.column))
            yield mention


def _mentions(document: Document) -> Iterator[Mention]:
    state, word, ends = _State(), "", list[tuple[str, bool]]()
    last_lines = {line.strip(): number for number, line in enumerate(document.lines, 1)}
    escape = _escape(document)
    continued = False
    for number, line in enumerate(document.lines, 1):
        if ends:
            if line.strip() == ends[0][0]:
                ends.pop(0)
            elif ends[0][1]:
                yield from _commands(document, number, without_comment(line))
            continue
        if line.lstrip().startswith("#") or (continued and not line.strip()):
            continue
        if not continued and (match := _INSTRUCTION.match(line)):
            word = match["word"].upper()
        if word in {"RUN", "COPY"}:
            ends = [(name, word == "RUN") for name in _heredocs(line) if last_lines.get(name, 0) > number]
        yield from _line(document, number, line, word, state)
        continued = line.rstrip().endswith(escape)


def _heredocs(line: str) -> list[str]:
    return [found["end"] for found in _HEREDOC.finditer(line)]


def _escape(document: Document) -> str:
    for line in document.lines[:4]:
        if match := _ESCAPE.fullmatch(line):
            return match["char"]
    return "\\"


def _line(document: Document, number: int, line: str, word: str, state: _State) -> Iterator[Mention]:
    if word == "FROM":
        yield from _from(document, number, line, state)
    elif word == "ARG":
        _remember(line, number, state)
        yield from _commands(document, number, line)
    elif word == "ENV":
        yield from _commands(document, number, line)
        if old := _OLD_ENV.fullmatch(line):
            hits = assigned(old["name"], old["value"], old.start("value"))
            yield from (document.mention(number, hit) for hit in hits)
    elif word in {"RUN", "COPY", "ADD", "CMD", "ENTRYPOINT", "ONBUILD"}:
        yield from _commands(document, number, without_comment(line))


def _commands(document: Document, number: int, line: str) -> Iterator[Mention]:
    return (document.mention(number, hit) for hit in commands_in(line))


def _remember(line: str, number: int, state: _State) -> None:
    start = re.match(r"\s*ARG\s+", line, re.IGNORECASE)
    for found in _ARGUMENT.finditer(line, start.end() if start else 0):
        if found["value"]:
            state.arguments[found["name"]] = _expand(found["value"], number, found.start("value"), state)


def _from(document: Document, number: int, line: str, state: _State) -> Iterator[Mention]:
    match = _FROM.match(line)
    if match is None:  # the reference of a FROM that is continued
        yield from _commands(document, number, line)
        return
    written = match["reference"].strip("\"'")
    chars = _expand(written, number, match.start("reference") + match["reference"].index(written), state)
    reference = "".join(char.char for char in chars)
    if reference.lower() not in state.stages:
        for hit in image_slot(reference):
            yield _at_origin(document, hit, chars, number, match.start("reference"))
    if match["stage"]:
        state.stages.add(match["stage"].lower())


def _at_origin(document: Document, hit: Hit, chars: list[_Char], number: int, column: int) -> Mention:
    """Place a hit where its text was written; text put together from several places stays with the FROM."""
    origin = chars[hit.column : hit.column + len(hit.text)]
    first = origin[0]
    together = all(char.line == first.line and char.column == first.column + i for i, char in enumerate(origin))
    if together:
        return document.mention(first.line, replace(hit, column=first.column))
    return document.mention(number, replace(hit, column=column).unfixable("it is put together from several arguments"))


def _expand(text: str, number: int, column: int, state: _State) -> list[_Char]:
    """Replace arguments by their defaults; what has no default becomes `UNKNOWN`. Bounded, so that nothing explodes."""
    chars, position = list[_Char](), 0
    for found in _REFERENCE.finditer(text):
        if len(chars) > _MAX_EXPANSION:
            break
        chars += _chars(text[position : found.start()], number, column + position)
        chars += _value(found, number, column, state)
        position = found.end()
    chars += _chars(text[position:], number, column + position)
    return chars[:_MAX_EXPANSION]


def _value(found: re.Match[str], number: int, column: int, state: _State) -> list[_Char]:
    known = state.arguments.get(found["braced"] or found["plain"])
    if known is not None:
        return known
    if found["operator"] == "-" and found["word"]:
        return _chars(found["word"], number, column + found.start("word"))
    return [_Char(UNKNOWN, number, column + found.start())]


def _chars(text: str, number: int, column: int) -> list[_Char]:
    return [_Char(char, number, column + index) for index, char in enumerate(text)]
