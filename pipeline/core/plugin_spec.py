"""How to run the KMS plugin under test, and what only its author can do to it (the hooks)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.errors import InputError

HOOKS: Final = (
    "rotate",
    "reinstate",
    "disable_old_key",
    "break_backend",
    "heal_backend",
    "restart",
    "backend_calls",
    "metrics",
    "serve_v1",
)
PLACEHOLDERS: Final = ("socket", "state", "assets", "python", "key_id")
DEFAULT_READY_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class PluginSpec:
    """One plugin under test.

    `argv`, the values of `env` and the hooks' words may hold the placeholders `{socket}` (the
    socket's file path), `{state}` (a private folder that outlives a restart of the plugin),
    `{assets}` (the folder of binaries) and `{python}` (the interpreter that the suite runs with).
    `ready_timeout_s` is how long the plugin may take until its first good Status, in seconds, 30 by default.
    A hook that is absent makes the scenarios that need it *not run*. `backend_calls` prints how often the
    backend has used a key so far, a number as its first word; `metrics` prints what the plugin shows as metrics.
    """

    name: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    ready_timeout_s: float = DEFAULT_READY_TIMEOUT_S
    hooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def expand(self, words: Sequence[str], **values: str) -> list[str]:
        """Return `words` with the placeholders replaced by `values`."""
        return [_replace(word, values) for word in words]

    def to_json(self) -> str:
        """Return the specification as the text of a `plugin.json`."""
        document = {
            "name": self.name,
            "argv": list(self.argv),
            "env": dict(self.env),
            "ready_timeout_s": self.ready_timeout_s,
            "hooks": {name: list(argv) for name, argv in self.hooks.items()},
        }
        return json.dumps(document, indent=2) + "\n"


def plugin_spec_from_json(text: str, *, where: str) -> PluginSpec:
    """Read a `plugin.json`.

    Raises: InputError when it is no JSON object, a field is missing, unknown or of another type.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InputError("the plugin's description is not JSON", seen=str(error), where=where) from error
    if not isinstance(document, dict):
        raise InputError("the plugin's description is not a JSON object", seen=type(document).__name__, where=where)
    _refuse_unknown(document, ("name", "argv", "env", "ready_timeout_s", "hooks"), "field", where)
    hooks = _mapping(document.get("hooks", {}), "hooks", where)
    _refuse_unknown(hooks, HOOKS, "hook", where)
    timeout = document.get("ready_timeout_s", DEFAULT_READY_TIMEOUT_S)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0:
        raise InputError("ready_timeout_s must be a number of seconds above 0", seen=repr(timeout), where=where)
    name = document.get("name")
    if not isinstance(name, str) or not name or ":" in name:
        raise InputError("name must be a text without colon", seen=repr(name), where=where)
    return PluginSpec(
        name=name,
        argv=_words(document.get("argv"), "argv", where),
        env=tuple(_texts(document.get("env", {}), where).items()),
        ready_timeout_s=float(timeout),
        hooks={hook: _words(argv, f"hooks.{hook}", where) for hook, argv in hooks.items()},
    )


def _replace(word: str, values: Mapping[str, str]) -> str:
    for name in PLACEHOLDERS:
        if name in values:
            word = word.replace("{" + name + "}", values[name])
    return word


def _refuse_unknown(document: Mapping[str, object], known: Sequence[str], kind: str, where: str) -> None:
    unknown = sorted(set(document) - set(known))
    if unknown:
        raise InputError(f"unknown {kind}", seen=", ".join(unknown), wanted=", ".join(known), where=where)


def _mapping(value: object, name: str, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise InputError(f"{name} must be an object", seen=repr(value), where=where)
    return value


def _texts(value: object, where: str) -> dict[str, str]:
    mapping = _mapping(value, "env", where)
    for name, text in mapping.items():
        if not isinstance(text, str):
            raise InputError("an environment variable must be a text", seen=f"{name}={text!r}", where=where)
    return {name: str(text) for name, text in mapping.items()}


def _words(value: object, name: str, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
        raise InputError(f"{name} must be a list of one or more texts", seen=repr(value), where=where)
    return tuple(value)
