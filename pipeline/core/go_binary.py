"""What `go version -m` says about a program: the Go that built it and the modules in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pipeline.errors import InputError

_HEAD: Final = re.compile(r"(?P<path>\S[^\n]*): (?P<version>go\S+(?: X:\S+)?|devel \S.*)")
_MODULE: Final = re.compile(r"\t(?P<kind>mod|dep|=>)\t(?P<path>\S+)\t(?P<version>\S+)(?:\t(?P<sum>h1:\S+)?)?")


@dataclass(frozen=True, slots=True)
class Module:
    """A module in a program; `checksum` is its `h1:` sum, empty for the program's own module."""

    path: str
    version: str
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class GoBinary:
    """A program: the Go that built it (`go1.26.10`) and its modules in the order of `go version -m`."""

    path: str
    go_version: str
    modules: tuple[Module, ...]


def parse_go_binaries(output: str) -> tuple[GoBinary, ...]:
    """Read the output of `go version -m FILE…`, a block a program.

    Raises: InputError when it holds no program.
    Source: `scanFile` in src/cmd/go/internal/version/version.go of Go.
    """
    found: list[GoBinary] = []
    for line in output.splitlines():
        head, module = _HEAD.fullmatch(line), _MODULE.fullmatch(line)
        if head is not None and not line.startswith("\t"):
            found.append(GoBinary(head["path"], head["version"], ()))
        elif module is not None and found:
            last = found[-1]
            entry = Module(module["path"], module["version"], module["sum"] or "")
            before = last.modules[:-1] if module["kind"] == "=>" else last.modules  # what it replaces is not in there
            found[-1] = GoBinary(last.path, last.go_version, (*before, entry))
    if not found:
        raise InputError("`go version -m` names no program", seen=repr(output[:200]), wanted="programs built by Go")
    return tuple(found)
