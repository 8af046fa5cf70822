"""Record the queries that the module's functions send, without an engine.

Every value that a function waits for is answered by `answer`; objects get a short name (`@1`) in the order in which
they are first sent. A query is the chain of fields that the SDK would send to the engine. Long texts are cut.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import pytest
from dagger.client._core import Context

_LONGEST: Final = 100

Answer = Callable[[str, str], object]
"""From the chain before a field, and the field with its arguments, to its value."""


@dataclass
class Recorder:
    """Takes the place of the connection: names objects, answers fields, and keeps each query as a line."""

    answer: Answer
    lines: list[str] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)

    async def execute(self, context: Context, return_type: Any = None) -> Any:
        """Answer the query of a context."""
        await context.resolve_ids()
        *before, last = [_field(item.name, item.args, item.inline_type) for item in context.selections]
        chain = ".".join(before).removeprefix("node.")
        if last in {"id", "sync"}:
            value: object = self._name(chain, forced=last == "sync")
        else:
            value = self.answer(self._whole(chain), last)
            line = f"{chain}.{last}" if chain else last
            if line not in self.lines:
                self.lines.append(line)
        if return_type is None:
            return None
        return context.converter.structure(value, return_type)

    def _whole(self, chain: str) -> str:
        """Write names out until the chain begins at the root again."""
        keys = {name: key for key, name in self._names.items()}
        head, dot, rest = chain.partition(".")
        return f"{self._whole(keys[head])}{dot}{rest}" if head in keys else chain

    def _name(self, chain: str, *, forced: bool) -> str:
        key = f"{chain}.sync" if forced else chain
        if chain.startswith("@") and "." not in chain and not forced:
            return chain
        if key not in self._names:
            self._names[key] = f"@{len(self._names) + 1}"
            self.lines.append(f"{self._names[key]} = {key}")
        return self._names[key]

    def record(self, function: Callable[[], Awaitable[object]]) -> list[str]:
        """Return the queries that a function sends, in order, without those that were sent before."""
        before = len(self.lines)

        async def execute(context: Context, return_type: Any = None) -> Any:
            return await self.execute(context, return_type)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Context, "execute", execute)
            anyio.run(function)
        return self.lines[before:]


def _field(name: str, arguments: dict[str, Any], inline_type: str | None) -> str:
    if inline_type is not None:  # node(id: …) { ... on Type }: the object itself
        return f"node.{arguments['id']}"
    words = ", ".join(f"{key}: {_value(value)}" for key, value in arguments.items())
    return f"{name}({words})" if words else name


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    text = str(value)
    short = text if len(text) <= _LONGEST and "\n" not in text else f"{text.splitlines()[0][:40]}…"
    return short if text.startswith("@") or not isinstance(value, str) else f'"{short}"'
