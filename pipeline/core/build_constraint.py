"""Go's build constraints, as far as a plain build decides them (`go help buildconstraint`)."""

from __future__ import annotations

import re
from typing import Final

_LINE: Final = re.compile(r"^//go:build +(.+)$", re.MULTILINE)
_PACKAGE: Final = re.compile(r"^package\b", re.MULTILINE)
_TOKEN: Final = re.compile(r"!|&&|\|\||[()]|[\w.]+")
_GO_RELEASE: Final = re.compile(r"go1(?:\.\d+)?")
_USUAL: Final = frozenset({"linux", "unix", "gc", "cgo", "amd64", "arm64"})


def is_built(text: str) -> bool:
    """Tell whether a plain build on Linux, without tags, takes a Go file: its `//go:build` line holds, or it has none.

    Both architectures that Kubernetes is mostly run on hold, since it is asked of either.
    """
    package = _PACKAGE.search(text)
    match = _LINE.search(text, 0, package.start() if package else len(text))
    return match is None or _Expression(_TOKEN.findall(match[1])).any_of()


class _Expression:
    """A parser of what stands after `//go:build`: `||` binds weaker than `&&`, and that weaker than `!`."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens

    def any_of(self) -> bool:
        value = self._all_of()
        while self._took("||"):
            value = self._all_of() or value
        return value

    def _all_of(self) -> bool:
        value = self._one()
        while self._took("&&"):
            value = self._one() and value
        return value

    def _one(self) -> bool:
        if self._took("!"):
            return not self._one()
        if self._took("("):
            value = self.any_of()
            self._took(")")
            return value
        tag = self._tokens.pop(0) if self._tokens else ""
        return tag in _USUAL or _GO_RELEASE.fullmatch(tag) is not None

    def _took(self, token: str) -> bool:
        if self._tokens[:1] != [token]:
            return False
        del self._tokens[0]
        return True
