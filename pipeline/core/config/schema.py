"""The JSON Schema of `kms-e2e.toml`, made from the same descriptions as the reader. Editors complete keys by it."""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any, Final

from pipeline.core.config.model import Config
from pipeline.core.strict import Above, Doc, Keys, NotEmpty, Pairs, Pattern, choices, hints, is_required, parts

SCHEMA_FILE: Final = "kms-e2e.schema.json"
_DRAFT: Final = "http://json-schema.org/draft-07/schema#"  # what taplo and Even Better TOML understand
_SCALARS: Final = {str: "string", int: "integer", float: "number", bool: "boolean"}

Schema = dict[str, Any]


def json_schema() -> str:
    """Return the schema of `kms-e2e.toml` as JSON text."""
    document = {"$schema": _DRAFT, "title": "kms-e2e.toml", **_record(Config)}
    return json.dumps(document, indent=2) + "\n"


def _record(kind: type) -> Schema:
    known = hints(kind)
    items = dataclasses.fields(kind)
    schema: Schema = {"type": "object", "description": (kind.__doc__ or "").strip().partition("\n\n")[0]}
    schema |= {"properties": {item.name: _default(_field(known[item.name]), item) for item in items}}
    required = [item.name for item in items if is_required(item)]
    return schema | ({"required": required} if required else {}) | {"additionalProperties": False}


def _default(schema: Schema, item: dataclasses.Field[Any]) -> Schema:
    plain = isinstance(item.default, str | int | float) and item.default != ""
    return schema | ({"default": item.default} if plain else {})


def _field(hint: object) -> Schema:
    kind, notes = parts(hint)
    schema = _typed(kind)
    for note in notes:
        schema |= _noted(note, schema)
    return schema


def _typed(kind: object) -> Schema:
    alternatives = [choice for choice in choices(kind) if choice is not types.NoneType]
    if len(alternatives) > 1:
        return {"anyOf": [_field(choice) for choice in alternatives]}
    if alternatives != [kind]:
        return _field(alternatives[0])
    origin = typing.get_origin(kind)
    if kind == Pairs or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return {"type": "object", "additionalProperties": _field(str if kind == Pairs else typing.get_args(kind)[1])}
    if origin is tuple:
        return {"type": "array", "items": _field(typing.get_args(kind)[0])}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _record(kind)
    return {"type": _SCALARS[typing.cast("type", kind)]}


def _noted(note: object, schema: Schema) -> Schema:
    match note:
        case Doc(text):
            return {"description": text}
        case Pattern(expression, _):
            return {"pattern": f"^(?:{expression})$"}
        case Above(bound):
            return {"exclusiveMinimum": bound}
        case Keys(names, _) if names:
            return {"properties": dict.fromkeys(names, schema["additionalProperties"]), "additionalProperties": False}
        case Keys(_, Pattern(expression, _)):
            return {"propertyNames": {"pattern": f"^(?:{expression})$"}}
    return {"minItems": 1} if isinstance(note, NotEmpty) else {}


if __name__ == "__main__":
    sys.stdout.write(json_schema())
