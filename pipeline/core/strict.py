"""Read what people wrote (TOML, JSON) into frozen dataclasses, and refuse by name what does not fit.

A field is described by its type and by what stands in `Annotated`: `Doc`, `Pattern`, `Above`, `Keys`, `NotEmpty`. The
JSON Schema is made from the same descriptions.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any, Final, TypeVar, Union

Path = tuple[str | int, ...]
Pairs = tuple[tuple[str, str], ...]
"""An ordered table of texts, written as a TOML table or a JSON object."""

Record = TypeVar("Record")
_LONGEST: Final = 120  # characters of a wrong value that an error shows
_NAMES: Final = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class Doc:
    """What a field means, in one or two sentences."""

    text: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that a text must match as a whole, and how a person would say it."""

    expression: str
    words: str


@dataclass(frozen=True, slots=True)
class Above:
    """A bound that a number must exceed."""

    bound: float


@dataclass(frozen=True, slots=True)
class Keys:
    """The names that a table may have; any by default."""

    names: tuple[str, ...] = ()
    pattern: Pattern | None = None


@dataclass(frozen=True, slots=True)
class NotEmpty:
    """An array that must have an element."""


class Misfit(ValueError):
    """A value that does not fit; `path` leads to it."""

    def __init__(self, what: str, path: Path, *, seen: str = "", wanted: str = "", closest: str = "") -> None:
        """Keep the parts apart; `closest` is the valid name that resembles a wrong one most."""
        super().__init__(what)
        self.what = what
        self.path = path
        self.seen = seen
        self.wanted = wanted
        self.closest = closest


def read(kind: type[Record], value: object, path: Path = ()) -> Record:
    """Return a dataclass made from a table.

    Raises: Misfit for a name that is not known, one that is missing, and a value of another type.
    """
    return typing.cast("Record", _record(kind, value, path))


def hints(kind: type) -> dict[str, Any]:
    """Return the types of a dataclass's fields with what stands in `Annotated`."""
    return typing.get_type_hints(kind, include_extras=True)


def parts(hint: object) -> tuple[object, tuple[object, ...]]:
    """Return a field's type, and what stands in `Annotated` beside it."""
    if typing.get_origin(hint) is typing.Annotated:
        kind, *notes = typing.get_args(hint)
        return kind, tuple(notes)
    return hint, ()


def choices(kind: object) -> tuple[object, ...]:
    """Return the alternatives of a union, else the type itself."""
    return typing.get_args(kind) if typing.get_origin(kind) in (Union, types.UnionType) else (kind,)


def is_required(item: Field[Any]) -> bool:
    """Tell whether a field has no default."""
    return item.default is MISSING and item.default_factory is MISSING


def _record(kind: type, value: object, path: Path) -> object:
    table = _table(value, path)
    known = hints(kind)
    _refuse_unknown(table, tuple(known), path)
    for item in fields(kind):
        if is_required(item) and item.name not in table:
            raise Misfit(f"{item.name} is missing", path, wanted=_doc(known[item.name]))
    return kind(**{name: _value(known[name], item, (*path, name)) for name, item in table.items()})


def _value(hint: object, value: object, path: Path) -> object:
    kind, notes = parts(hint)
    result = _typed(kind, value, path)
    for note in notes:
        _check(note, result, path)
    return result


def _typed(kind: object, value: object, path: Path) -> object:
    alternatives = [choice for choice in choices(kind) if choice is not types.NoneType]
    if alternatives != [kind]:
        chosen = next((choice for choice in alternatives if _looks_like(parts(choice)[0], value)), alternatives[0])
        return _value(chosen, value, path)
    if kind == Pairs:
        return tuple((name, _scalar(str, text, (*path, name))) for name, text in _table(value, path).items())
    origin = typing.get_origin(kind)
    if origin is tuple:
        return tuple(
            _value(typing.get_args(kind)[0], item, (*path, number)) for number, item in enumerate(_list(value, path))
        )
    if isinstance(origin, type) and issubclass(origin, Mapping):
        inner = typing.get_args(kind)[1]
        return {name: _value(inner, item, (*path, name)) for name, item in _table(value, path).items()}
    if isinstance(kind, type) and is_dataclass(kind):
        return _record(kind, value, path)
    return _scalar(typing.cast("type", kind), value, path)


def _looks_like(kind: object, value: object) -> bool:
    if typing.get_origin(kind) is tuple:
        return isinstance(value, list)
    return isinstance(value, Mapping) if isinstance(kind, type) and is_dataclass(kind) else type(value) is kind


def _scalar(kind: type, value: object, path: Path) -> object:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise Misfit(f"{_shown(path)} must be {_NAMES.get(kind, kind.__name__)}", path, seen=_seen(value))
    if isinstance(value, str) and "\0" in value:
        raise Misfit(f"{_shown(path)} holds a NUL byte", path, seen=_seen(value))
    return value


def _table(value: object, path: Path) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise Misfit(f"{_shown(path)} must be a table", path, seen=_seen(value))
    return value


def _list(value: object, path: Path) -> Sequence[object]:
    if not isinstance(value, list):
        raise Misfit(f"{_shown(path)} must be an array", path, seen=_seen(value))
    return value


def _check(note: object, value: object, path: Path) -> None:
    if isinstance(note, Pattern) and isinstance(value, str) and not re.fullmatch(note.expression, value):
        raise Misfit(f"{_shown(path)} cannot be used", path, seen=_seen(value), wanted=note.words)
    if isinstance(note, Above) and isinstance(value, int | float) and not value > note.bound:
        raise Misfit(f"{_shown(path)} must be above {note.bound:g}", path, seen=_seen(value))
    if isinstance(note, NotEmpty) and value == ():
        raise Misfit(f"{_shown(path)} is empty", path, seen="[]", wanted="one element or more")
    if isinstance(note, Keys):
        _check_keys(note, value, path)


def _check_keys(note: Keys, value: object, path: Path) -> None:
    names = list(value) if isinstance(value, Mapping) else [name for name, _ in typing.cast("Pairs", value)]
    if note.names:
        _refuse_unknown(dict.fromkeys(names), note.names, path)
    for name in names:
        if note.pattern and not re.fullmatch(note.pattern.expression, name):
            what = f"{name!r} is no name for an entry of {_shown(path)}"
            raise Misfit(what, (*path, name), wanted=note.pattern.words)


def _refuse_unknown(table: Mapping[str, object], known: Sequence[str], path: Path) -> None:
    for name in table:
        if name not in known:
            where = f" in {_shown(path)}" if path else ""
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            raise Misfit(
                f"{name!r} is not known{where}",
                (*path, name),
                wanted=", ".join(known),
                closest=close[0] if close else "",
            )


def _doc(hint: object) -> str:
    return next((note.text for note in parts(hint)[1] if isinstance(note, Doc)), "")


def _shown(path: Path) -> str:
    text = ""
    for item in path:
        text += f"[{item}]" if isinstance(item, int) else f".{item}" if text else item
    return text or "the document"


def _seen(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
