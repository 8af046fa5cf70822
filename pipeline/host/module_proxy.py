"""Where Go modules come from and who vouches for them: GOPROXY and GOSUMDB, checked before a Go command sees them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from pipeline.errors import InputError
from pipeline.host.environment import UNCHECKED, unchecked_settings

KNOWN_DATABASES: Final = frozenset({"sum.golang.org", "sum.golang.google.cn"})
"""Databases whose key the Go command knows, so that a mirror of theirs can be named by URL. Source: go help
module-auth, and `knownGOSUMDB` in cmd/go/internal/modfetch/key.go."""

_PASSWORD: Final = re.compile(r"//[^/@,|\s]+@")
_KEY: Final = re.compile(r"[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+")
_SCHEMES: Final = frozenset({"https", "http", "file"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """A setting of the environment, as NAME=value, with which no build begins, and why."""

    setting: str
    reason: str


@dataclass(frozen=True, slots=True)
class ModuleProxy:
    """The user's explicit choice, on the command line: values for GOPROXY and GOSUMDB, None for the environment's."""

    goproxy: str | None = None
    gosumdb: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """Return what was said, by the name of its option."""
        said = {"--goproxy": self.goproxy, "--gosumdb": self.gosumdb}
        return {option: value for option, value in said.items() if value is not None}

    def check(self) -> None:
        """Check what was said.

        Raises: InputError when one is no proxy or database.
        """
        if self.goproxy is not None:
            check_proxy(self.goproxy, where="--goproxy")
        if self.gosumdb is not None:
            check_database(self.gosumdb, where="--gosumdb")

    def applied(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment with this choice in it.

        Raises: InputError when one is no proxy or database, or the environment itself names a database of its own.
        """
        _check_inherited_database(environment.get("GOSUMDB", ""), chosen=self.gosumdb)
        self.check()
        variables = {option.removeprefix("--").upper(): value for option, value in self.given.items()}
        chosen = {**environment, **variables}
        check_proxy(chosen.get("GOPROXY", ""), where="GOPROXY in the environment")
        return chosen


def check_proxy(value: str, *, where: str) -> None:
    """Check a value of GOPROXY: URLs (https, http, file), `direct` and `off`, separated by `,` or `|`.

    Raises: InputError.
    """
    for element in filter(None, re.split(r"[,|]", value)):
        if not _is_url(element.strip()) and element.strip() not in {"direct", "off"}:
            raise InputError(
                "not a module proxy",
                seen=repr(without_password(element)),
                wanted="a URL such as https://modules.example.com or file:///srv/modules, direct, or off",
                where=where,
                next_step="separate several by commas",
            )


def check_database(value: str, *, where: str) -> None:
    """Check a value of GOSUMDB: a known database, one with its key, and perhaps the URL that serves it.

    Raises: InputError, for `off` too.
    """
    words = value.split()
    known = bool(words) and (words[0] in KNOWN_DATABASES or _KEY.fullmatch(words[0]) is not None)
    mirror = len(words) == 1 or (len(words) == 2 and _is_url(words[1]))  # noqa: PLR2004 - a pair
    if not (known and mirror):
        raise InputError(
            "not a checksum database",
            seen=repr(without_password(value)),
            wanted=f"{' or '.join(sorted(KNOWN_DATABASES))}, or NAME+HASH+KEY, each with the URL of a mirror behind it",
            where=where,
            next_step="leave it out for Go's own; it cannot be switched off",
        )


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:  # such as a bracket of an IPv6 address that nothing closes
        return False
    return parts.scheme in _SCHEMES and bool(parts.netloc or (parts.scheme == "file" and parts.path))


def without_password(value: str) -> str:
    """Return a proxy without the password in it."""
    return _PASSWORD.sub("//***@", value)


def refusals(environment: Mapping[str, str]) -> tuple[Refusal, ...]:
    """Return everything in the environment that every build refuses, so that an explanation can say it beforehand."""
    found = [Refusal(f"{name}={environment[name]}", UNCHECKED) for name in unchecked_settings(environment)]
    for name, check in _CHECKS.items():
        try:
            check(environment.get(name, ""))
        except InputError as error:
            found.append(Refusal(f"{name}={without_password(environment[name])}", error.what))
    return tuple(found)


def _check_inherited_database(value: str, *, chosen: str | None) -> None:
    """Refuse a database with a key of its own from the environment: who sets it decides what toolchain is right.

    `off` is no database: `refuse_unchecked_modules` says what that means.
    """
    words = value.split()
    if not words or chosen is not None or words[0] in {*KNOWN_DATABASES, "off"}:
        return
    raise InputError(
        "the environment names a checksum database that Go does not know",
        seen=f"GOSUMDB={without_password(value)}",
        wanted=f"not set, or {' or '.join(sorted(KNOWN_DATABASES))} with the URL of a mirror",
        where="the environment",
        next_step="unset GOSUMDB, or say it on the command line: --gosumdb",
    )


_CHECKS: Final[Mapping[str, Callable[[str], None]]] = {
    "GOSUMDB": lambda value: _check_inherited_database(value, chosen=None),
    "GOPROXY": lambda value: check_proxy(value, where="GOPROXY in the environment"),
}
