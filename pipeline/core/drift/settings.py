"""Readers of version managers' files, HCL, Bazel, Nix and Jenkinsfiles: line by line, with the block they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.core.drift.commands import assigned, commands_in, without_comment
from pipeline.core.drift.images import images_in
from pipeline.core.drift.model import SEVERAL, Document, Hit, Kind, Mention, Named
from pipeline.core.drift.versions import read_version

_TOOL_LINE: Final = re.compile(r"(?P<tool>go|golang|(?:core|asdf):go(?:lang)?|go:\S+)\s+(?P<versions>\S.*)")
_HEADER: Final = re.compile(r"\s*\[{1,2}(?P<name>[^\[\]]+)\]{1,2}\s*")
_PAIR: Final = re.compile(r"\s*(?P<quote>[\"']?)(?P<key>[\w./:@+-]+)(?P=quote)\s*=\s*(?P<value>.+)")
_MISE_GO: Final = re.compile(r"(?:.+\.)?tools\.(?:(?:core|asdf):)?go(?:lang)?(?:\.version)?")
_MISE_TOOL: Final = re.compile(r"(?:.+\.)?tools\.(?P<tool>go:\S+?)(?:\.version)?")
_MISE_PREFIX: Final = re.compile(r"(?:prefix|ref|sub-[\w.-]+):")
_STRING: Final = re.compile(r"(?P<quote>[\"'])(?P<text>[^\"']*)(?P=quote)")
_INNER_VERSION: Final = re.compile(r"\bversion\s*=\s*[\"'](?P<text>[^\"']+)")
_MOVING_REFS: Final = frozenset({"latest", "main", "master", "HEAD", "upgrade"})
_LOCK: Final = "a lock file holds checksums beside the version: change mise.toml and run mise lock"
_DEVBOX: Final = re.compile(r"[\"']go@(?P<text>[^\"']+)[\"']|[\"']go[\"']\s*:\s*[\"'](?P<other>[^\"']+)[\"']")
_HCL_VARIABLE: Final = re.compile(r"\s*variable\s+\"(?P<name>\w+)\"\s*\{")
_HCL_DEFAULT: Final = re.compile(r"\bdefault\s*=\s*\"(?P<text>[^\"]*)\"")
_SDK_CALL: Final = re.compile(r"\b(?:\w*go_sdk\.download|go_download_sdk|go_register_toolchains|go_wrap_sdk)\s*\(")
_SDK_VERSION: Final = re.compile(r"\b(?:go_)?version\s*=\s*\"(?P<text>[^\"]*)\"")
_NIX: Final = re.compile(r"\bgo_1_(?P<minor>[0-9]{1,3})\b|\bbuildGo1(?P<other>[0-9]{2})Module\b")
_GROOVY_TOOL: Final = re.compile(r"(?<![\w.])go\s+[\"'](?P<text>[^\"']+)[\"']")


def read_tool_versions(document: Document) -> Iterator[Mention]:
    """Yield asdf's and mise's `golang 1.26.3`; more versions in the same line are fallbacks and count too."""
    for number, line in enumerate(document.lines, 1):
        if found := _TOOL_LINE.match(without_comment(line)):
            for word in re.finditer(r"\S+", found["versions"]):
                column = found.start("versions") + word.start()
                if found["tool"].startswith("go:"):
                    yield from _tool(document, number, found["tool"], word[0], column)
                else:
                    yield from _one(document, number, word[0], column, "golang")


def read_tools_toml(document: Document) -> Iterator[Mention]:
    """Yield what mise.toml's `[tools]` and `[env]` name, and the variables of any other TOML that is read."""
    section = ""
    for number, line in enumerate(document.lines, 1):
        code = without_comment(line)
        if header := _HEADER.fullmatch(code):
            section = header["name"].replace('"', "").strip()
        elif pair := _PAIR.fullmatch(code):
            yield from _toml_pair(document, number, section, pair)


def _toml_pair(document: Document, number: int, section: str, pair: re.Match[str]) -> Iterator[Mention]:
    key, value, start = pair["key"], pair["value"], pair.start("value")
    name = f"{section}.{key}" if section else key
    tool = _MISE_TOOL.fullmatch(name)
    if tool or _MISE_GO.fullmatch(name):
        inner = list(_INNER_VERSION.finditer(value)) or list(_STRING.finditer(value))
        obstacle = SEVERAL if len(inner) > 1 else _LOCK if document.name == "mise.lock" else ""
        for found in inner:
            text, column = found["text"], start + found.start("text")
            if tool:
                yield from _tool(document, number, tool["tool"], text, column)
            else:
                yield from _one(document, number, text, column, "mise", obstacle=obstacle)
    elif string := _STRING.match(value):
        yield from _assigned(document, number, key, string["text"], start + string.start("text"))


def _tool(document: Document, number: int, tool: str, text: str, column: int) -> Iterator[Mention]:
    """Yield a program that mise compiles by `go install`, when its version moves."""
    if text in _MOVING_REFS:
        yield document.mention(number, Hit(column, text, Named(), Kind.TOOL, f"{tool}@{text}"))


def read_devbox(document: Document) -> Iterator[Mention]:
    """Yield devbox's `go@1.26.3`."""
    for number, line in enumerate(document.lines, 1):
        for found in _DEVBOX.finditer(line):
            group = "text" if found["text"] else "other"
            yield from _one(document, number, found[group], found.start(group), "devbox")


def read_hcl(document: Document) -> Iterator[Mention]:
    """Yield bake's variables with their defaults, targets' arguments, and images."""
    variable = ""
    for number, line in enumerate(document.lines, 1):
        code = without_comment(line)
        if found := _HCL_VARIABLE.match(code):
            variable = found["name"]
        if variable and (default := _HCL_DEFAULT.search(code)):
            yield from _assigned(document, number, variable, default["text"], default.start("text"))
        variable = "" if "}" in code else variable
        yield from (document.mention(number, hit) for hit in commands_in(code))


def read_bazel(document: Document) -> Iterator[Mention]:
    """Yield the SDKs that rules_go is told to download, and constants; `from_file` follows go.mod and names nothing."""
    inside = 0
    for number, line in enumerate(document.lines, 1):
        code = without_comment(line)
        call = _SDK_CALL.search(code)
        if call and not code.lstrip().startswith("def "):
            inside = 0
        if inside or call:
            for found in _SDK_VERSION.finditer(code):
                yield from _sdk(document, number, found)
            inside += code.count("(") - code.count(")")
        else:
            yield from (document.mention(number, hit) for hit in commands_in(code))


def _sdk(document: Document, number: int, found: re.Match[str]) -> Iterator[Mention]:
    if found["text"] == "host":
        hit = Hit(found.start("text"), "host", Named(), Kind.RANGE, "Go SDK")
        yield document.mention(number, hit)
    else:
        yield from _one(document, number, found["text"], found.start("text"), "Go SDK")


def read_nix(document: Document) -> Iterator[Mention]:
    """Yield `go_1_26` and `buildGo126Module`, whose patch the pinned nixpkgs decides, and what a phase's shell says."""
    for number, line in enumerate(document.lines, 1):
        code = without_comment(line)
        yield from (document.mention(number, hit) for hit in commands_in(code))
        for found in _NIX.finditer(code):
            minor = int(found["minor"] or found["other"])
            hit = Hit(
                found.start(),
                found[0],
                Named(minor=minor),
                Kind.LOCKED,
                found[0],
                obstacle="nixpkgs decides which patch it is",
            )
            yield document.mention(number, hit)


def read_groovy(document: Document) -> Iterator[Mention]:
    """Yield a Jenkinsfile's images, `tools { go '…' }` and variables."""
    for number, line in enumerate(document.lines, 1):
        code = line.partition("//")[0] if "://" not in line else line
        for found in _GROOVY_TOOL.finditer(code):
            yield from _one(document, number, found["text"], found.start("text"), "tool")
        yield from (document.mention(number, hit) for hit in commands_in(code))


def read_images_only(document: Document) -> Iterator[Mention]:
    """Yield the images in a file of another kind."""
    for number, line in enumerate(document.lines, 1):
        yield from (document.mention(number, hit) for hit in images_in(line))


def _one(
    document: Document, number: int, text: str, column: int, what: str, *, obstacle: str = ""
) -> Iterator[Mention]:
    prefix = _MISE_PREFIX.match(text)
    bare = text.removeprefix("go")
    named = _behind(text[prefix.end() :]) if prefix else read_version(bare, Kind.EXACT)
    if named is not None:
        column += len(text) - len(bare)
        yield document.mention(number, Hit(column, bare, named, Kind.EXACT, what, obstacle=obstacle))


def _behind(text: str) -> Named:
    """Return what mise's `prefix:1.26` (the newest of it), `ref:master` and `sub-1:latest` name."""
    named = read_version(text) or Named()
    return Named(minor=named.minor if named.exact is None else named.exact.minor)


def _assigned(document: Document, number: int, name: str, value: str, column: int) -> Iterator[Mention]:
    return (document.mention(number, hit) for hit in assigned(name, value, column))
