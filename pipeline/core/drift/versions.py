"""From a piece of text to what it names, and which variable names speak of Go's version."""

from __future__ import annotations

import re
from typing import Final

from pipeline.core.drift.model import Kind, Named
from pipeline.core.go_version import FIRST_WITH_PATCH_ZERO, GoVersion, parse_go_version
from pipeline.errors import InputError

MOVING_WORDS: Final = frozenset(
    {"latest", "stable", "oldstable", "tip", "gotip", "master", "main", "1", "1.x", "*", "x", "system"}
)
"""Words that setup-go, asdf, mise, travis and gimme resolve anew each time. Source: their READMEs."""

_LINE: Final = re.compile(r"(?:go)?1\.([0-9]{1,3})(?:\.[xX*])?")
_RELEASE: Final = re.compile(r"(?:go)?1\.([0-9]{1,3})\.0*([0-9]{1,3})(?:\+auto|\+path)?")
_SEMVER_PRERELEASE: Final = re.compile(r"(?:go)?1\.([0-9]{1,3})(?:\.0)?-?(rc|beta)\.?([0-9]{1,2})")
_KEEP_THE_LINE: Final = frozenset({"~", "="})
"""Operators of a range that stays within a line of releases; `^1.25` and `>=1.25` take the newest 1.x."""

_RANGE: Final = re.compile(r"(\^|~|>=?|<=?|=)\s*(?:go)?v?1\.([0-9]{1,3})\b.*")
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LEAD: Final = frozenset(
    "default vendored kube min minimum max maximum build builder ci base target required require recommended expected "  # noqa: SIM905 - words read as words
    "wanted desired tools tool project local docker current latest prev previous old oldest new newest stable upstream "
    "input inputs matrix eksd eks dev release test tests lint cross primary secondary fips windows linux darwin macos "
    "setup system host container image the my env global".split()
)
_TRAIL: Final = frozenset(
    "current prev previous min minimum max maximum default latest stable old oldest new newest test tests lint build "  # noqa: SIM905 - words read as words
    "linux windows darwin macos fips primary secondary full exact ci dev release 1 2 3".split()
)
_BOUND_WORDS: Final = frozenset({"min", "minimum", "required", "require", "oldest"})
_JOINED: Final = frozenset({"goversion", "golangversion", "gotoolchain", "gover"})


def read_version(text: str, kind: Kind = Kind.RANGE) -> Named | None:
    """Return what `text` as a whole names, or None when it is no Go version at all (`v1.2`, `1.2.3.4`, `0.0.0`).

    With `Kind.EXACT` a line from before Go 1.21 (`1.20`) is its first release; otherwise it is the whole line.
    Source: go.dev/doc/toolchain for the names, the setup-go README for ranges.
    """
    if text in MOVING_WORDS:
        return Named()
    if line := _LINE.fullmatch(text):
        minor = int(line[1])
        exact = kind is Kind.EXACT and minor < FIRST_WITH_PATCH_ZERO and not text.endswith(("x", "X", "*"))
        return Named(exact=GoVersion(minor)) if exact else Named(minor=minor)
    if found := _RELEASE.fullmatch(text):
        return _release(int(found[1]), int(found[2]))
    if early := _SEMVER_PRERELEASE.fullmatch(text):
        return Named(exact=GoVersion(int(early[1]), None, early[2], int(early[3])))
    if moving := _RANGE.fullmatch(text):
        kept = moving[1] in _KEEP_THE_LINE or kind is Kind.LOWER_BOUND
        return Named(minor=int(moving[2])) if kept else Named()
    return None


def _release(minor: int, patch: int) -> Named:
    try:
        return Named(exact=parse_go_version(f"1.{minor}.{patch}".encode(), where="a mention"))
    except InputError:  # 1.20.0 is how semantic versioning spells the release 1.20
        return Named(exact=GoVersion(minor))


def variable_kind(name: str) -> Kind | None:
    """Tell whether a variable, key or argument of that name holds Go's version, and how it binds.

    `GO_VERSION`, `goVersion`, `KUBE_GO_VERSION`, `_GO_VERSION`: RANGE; `MINIMUM_GO_VERSION`: LOWER_BOUND; None for
    versions of something else (`PROTOC_GEN_GO_VERSION`, `HUGO_VERSION`, `GO_LICENSES_VERSION`, `CLIENT_GO_VERSION`).
    The words around it are a closed list, since any other word names another thing.
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    for index, word in enumerate(words):
        after = words[index + 1 : index + 2]
        if word in _JOINED:
            lead, trail = words[:index], words[index + 1 :]
        elif word in {"go", "golang"} and after in (["version"], ["ver"], ["toolchain"]):
            lead, trail = words[:index], words[index + 2 :]
        else:
            continue
        if not (set(lead) <= _LEAD and set(trail) <= _TRAIL):
            return None
        return Kind.LOWER_BOUND if _BOUND_WORDS & {*lead, *trail} else Kind.RANGE
    return None
