"""Rules for the files of a Go module that both adapters keep: what replaces a module, and what go.sum may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from pipeline.errors import InputError

SUM_FILES: Final = ("go.sum", "go.work.sum")
"""Files beside go.mod that vouch for modules."""

_LOCAL_REPLACE: Final = re.compile(r"=>\s*\"?(\.\.?(?:/[^\s\"]*)?|/[^\s\"]+)\"?\s*(?://.*)?$", re.MULTILINE)
_USE: Final = re.compile(r"^\s*(?:use\s+)?\"?(\.\.?(?:/[^\s\"]*)?)\"?\s*(?://.*)?$", re.MULTILINE)
_TOOLCHAIN: Final = "golang.org/toolchain"


def local_replacements(go_mod: str) -> tuple[str, ...]:
    """Return the folders that the text of a go.mod replaces modules with, as written: `../y`, `/home/me/y`.

    Source: go.dev/ref/mod, replace: a path that begins with `./`, `../` or `/` is a folder.
    """
    return tuple(_LOCAL_REPLACE.findall(go_mod))


def local_members(go_work: str) -> tuple[str, ...]:
    """Return the folders that the text of a go.work uses, as written. Source: go.dev/ref/mod, use."""
    return tuple(_USE.findall(go_work))


def refuse_toolchain_sum(lines: Iterable[str], where: str) -> None:
    """Refuse a go.sum, or go.work.sum, that vouches for a Go toolchain; `where` is its path.

    Raises: InputError with the number of the line. Source: CVE-2026-94447.
    """
    for number, line in enumerate(lines, start=1):
        if line.lstrip().startswith(_TOOLCHAIN):
            raise InputError(
                "a checksum of a Go toolchain is written in the project itself, which could let an altered one in",
                seen=line.strip()[:120],
                wanted=f"no line for {_TOOLCHAIN}",
                where=f"{where}:{number}",
                next_step="remove the line; the checksum database vouches for toolchains",
            )
