"""Go versions in command lines and assignments: shell, recipes, `run:` steps, Dockerfile instructions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.core.drift.images import images_in
from pipeline.core.drift.model import Hit, Kind, Named
from pipeline.core.drift.versions import read_version, variable_kind

_RELEVANT: Final = re.compile(r"(?i)go|gimme")
_BARE: Final = r"(?P<v>(?:go)?1\.[0-9]{1,3}(?:\.[0-9]{1,3}|\.x|rc[0-9]{1,2}|beta[0-9]{1,2})?)"
_V: Final = rf"{_BARE}(?![\w.])"
_W: Final = rf"(?:{_V}|(?P<w>latest|stable|tip|master)\b)"
_COMMAND: Final = r"(?:^|(?<=[\s\"'(;&|`@]))"
_PACKAGE: Final = "a distribution decides which versions its packages have"
_OPTIONS: Final = r"(?:\s+-{1,2}[\w=-]+){0,8}\s+"

_NAMED: Final = re.compile(r"1\.[0-9]|latest|stable|tip|master")
"""What each of the patterns below asks for."""

_PATTERNS: Final = tuple(
    (re.compile(pattern), what, kind, obstacle)
    for pattern, what, kind, obstacle in (
        (
            rf"\bgo(?:\$\{{\w+:?[-=])?{_BARE}(?=\}}?\.(?:src|linux|darwin|windows|freebsd|openbsd|netbsd|solaris|dragonfly|aix|illumos|plan9)\b)",
            "a Go archive",
            Kind.EXACT,
            "",
        ),
        (rf"\bgolang\.org/dl/{_V}", "another toolchain", Kind.EXACT, ""),
        (
            rf"{_COMMAND}go{_BARE}(?=\s+(?:build|download|env|generate|get|install|list|mod|run|test|tool|version|vet|work)\b)",
            "a versioned go command",
            Kind.EXACT,
            "",
        ),
        (rf"\b(?:GO|GOCMD|GO_CMD|GO_BIN|GOBIN|GOEXE)\s*[:?]?=\s*\"?go{_V}", "the go command", Kind.EXACT, ""),
        (rf"{_COMMAND}gimme{_OPTIONS}{_W}", "gimme", Kind.RANGE, ""),
        (rf"{_COMMAND}gvm\s+(?:install|use){_OPTIONS}{_W}", "gvm", Kind.EXACT, ""),
        (rf"{_COMMAND}goenv\s+(?:install|local|global|shell){_OPTIONS}{_W}", "goenv", Kind.EXACT, ""),
        (rf"{_COMMAND}asdf\s+(?:install|local|global|set|shell){_OPTIONS}golang\s+{_W}", "asdf", Kind.EXACT, ""),
        (rf"{_COMMAND}(?:mise|rtx)\s[^|;&]{{0,200}}?\bgo(?:lang)?@{_W}", "mise", Kind.RANGE, ""),
        (rf"{_COMMAND}use\s+go\s+{_W}", "direnv", Kind.EXACT, ""),
        (rf"{_COMMAND}brew\s[^|;&]{{0,200}}?\bgo@{_V}", "Homebrew", Kind.RANGE, _PACKAGE),
        (rf"{_COMMAND}snap\s+install\s+go\s[^|;&]{{0,200}}?--channel=?\s*{_V}", "snap", Kind.RANGE, _PACKAGE),
        (rf"{_COMMAND}apk\s[^|;&]{{0,200}}?\bgo[=~]+{_BARE}(?=-r[0-9]|\b)", "an Alpine package", Kind.RANGE, _PACKAGE),
        (rf"\bgolang-{_BARE}(?=-go\b|[\s\"']|$)", "a Debian package", Kind.RANGE, _PACKAGE),
    )
)
_TOOL: Final = re.compile(
    rf"{_COMMAND}(?:go|\$[({{]GO(?:_?CMD|_?BIN|EXE)?[)}}])\s+(?:install|run|get)\s[^|;&#]{{0,200}}?(?<![\w./])(?P<tool>[\w.-]+\.[\w-]+/[\w./-]+)@(?P<ref>latest|main|master|HEAD|upgrade)\b"
)
_INSTALL: Final = (
    r"(?:(?:apk|apt|apt-get|aptitude|dnf|microdnf|tdnf|yum|zypper)\s+(?:-\S+\s+){0,6}(?:add|install)"
    r"|brew\s+install|pacman\s+-S\w*)"
)
_PACKAGED: Final = re.compile(
    rf"{_COMMAND}{_INSTALL}\s(?:[^|;&]{{0,300}}?\s)?(?P<package>go|golang|golang-go|golang-any)(?=[\s\"';&|)]|$)"
    r"|^\s*(?P<lone>golang-(?:go|any)(?=\s*\\?$)|golang(?=\s*\\$))"
)
"""A distribution's package without a version, also alone in a line of a list that goes on over several."""

_COMMAND_START: Final = re.compile(r"[;&|]")
_SUBSTITUTION: Final = re.compile(r"`|\$\(")
_MAKE_MESSAGE: Final = re.compile(r"\$\((?:error|warning|info)\s")
_MAX_MESSAGE: Final = 512
"""Characters before a command in which the start of a message is looked for, so that a long line costs no more."""
_PRINTED: Final = re.compile(r"(?:^|[\s@(])(?:echo|printf)\s")
_ASSIGNMENT: Final = re.compile(
    r"(?<![\w.$/-])(?P<name>[A-Za-z_]\w*)[\"']?(?P<space>\s*)(?P<operator>::?=|\?=|=)\s*"
    r"(?P<value>(?:[\"'(]|(?:go)?\$\{\w+:?[-=])*(?P<bare>(?:[^\s\"'`;#,)}]|,(?=\S))*+))"
)
_UNCHECKED: Final = {
    "GOSUMDB": re.compile(r"off"),
    "GONOSUMCHECK": re.compile(r"[^0$].*"),
    "GOINSECURE": re.compile(r"[^$].*"),
    "GONOSUMDB": re.compile(r"(?:.*,)?(?:\*|golang\.org|\*\.org|golang\.org/(?:\*|toolchain))(?:/\*)?(?:,.*)?"),
    "GOFLAGS": re.compile(r".*-insecure.*"),
}
_ALIASES: Final = {"GOPRIVATE": "GONOSUMDB"}


def commands_in(text: str, *, assignments: bool = True) -> Iterator[Hit]:
    """Find every Go version that a line of commands takes, and every setting that lets an unchecked one in.

    The line has no comment any more. `assignments` False leaves `NAME=value` to the caller, who knows its syntax.
    Source: the usage texts of gimme, gvm, goenv, asdf, mise, direnv; Go's documentation of its environment.
    """
    if not _RELEVANT.search(text):
        return
    yield from images_in(text)
    if _NAMED.search(text):  # most lines name nothing, and one search is cheaper than all of them
        for pattern, what, kind, obstacle in _PATTERNS:
            for found in pattern.finditer(text):
                yield from _named(found, what, kind, obstacle)
    yield from _tools(text)
    for found in _PACKAGED.finditer(text):
        group = str(found.lastgroup)
        yield Hit(found.start(group), found[group], Named(), Kind.RANGE, "a package", obstacle=_PACKAGE)
    if assignments and "=" in text:
        for found in _ASSIGNMENT.finditer(text):
            yield from assigned(found["name"], found["bare"], found.start("bare"))


def _tools(text: str) -> Iterator[Hit]:
    for found in _TOOL.finditer(text) if "@" in text else ():
        before = text[max(0, found.start() - _MAX_MESSAGE) : found.start()]
        if not found["tool"].startswith("golang.org/dl/") and not _is_message(before):
            yield Hit(found.start("ref"), found["ref"], Named(), Kind.TOOL, f"{found['tool']}@{found['ref']}")


def _is_message(before: str) -> bool:
    """Tell whether what follows `before` is printed, not run: advice for a reader that names `go install …@latest`."""
    command = _COMMAND_START.split(before)[-1]
    if _MAKE_MESSAGE.search(command):
        return True
    return _PRINTED.search(_SUBSTITUTION.split(command)[-1]) is not None


def assigned(name: str, value: str, column: int) -> Iterator[Hit]:
    """Judge one assignment: a variable of Go's version, or a setting of the checksum database."""
    upper = name.upper()
    if pattern := _UNCHECKED.get(_ALIASES.get(upper, upper)):
        if pattern.fullmatch(value):
            yield Hit(column, value, Named(), Kind.UNSAFE, f"{name}={value}")
        return
    kind = variable_kind(name)
    if kind is None or not value:
        return
    value = value.partition(",")[0]
    bare = value.removeprefix("go")
    named = read_version(bare, Kind.EXACT if upper.endswith("TOOLCHAIN") else kind)
    if named is not None:
        text = bare.partition("+")[0]
        yield Hit(column + len(value) - len(bare), text, named, kind, name)


def _named(found: re.Match[str], what: str, kind: Kind, obstacle: str) -> Iterator[Hit]:
    group = "v" if found["v"] or "w" not in found.re.groupindex else "w"
    text, start = found[group], found.start(group)
    bare = text.removeprefix("go")
    if (named := read_version(bare, kind)) is not None:
        yield Hit(start + len(text) - len(bare), bare, named, kind, what, obstacle=obstacle)


def without_comment(line: str) -> str:
    """Cut a shell, make, YAML or TOML comment: `#` outside quotes, at the start or behind white space."""
    if "#" not in line:
        return line
    quote = ""
    for index, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'" and not line[:index][-1:].isalnum():  # the apostrophe of a word opens nothing
            quote = char
        elif char == "#" and (index == 0 or line[index - 1] in " \t"):
            return line[:index]
    return line
