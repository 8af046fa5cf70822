"""Which version is in force in a repository, and why."""

from __future__ import annotations

from typing import Final

from pipeline.core.drift.go_files import effective_version
from pipeline.core.drift.judge import VERSION_FILE
from pipeline.core.drift.model import Document, Finding, Named, Rule, Truth
from pipeline.core.go_version import parse_go_version
from pipeline.errors import InputError

GO_MOD: Final = "go.mod"
NO_SOURCE: Final = Truth(Named(), "", "neither .go-version nor a go.mod at the root names a version")


def decide_truth(version_file: bytes | InputError | None, go_mod: Document | None) -> tuple[Truth, Finding | None]:
    """Return the version in force and, when `.go-version` is there but unusable, the finding that says so.

    `version_file` is the content, the reason why it cannot be read, or None when there is none. Then the root go.mod
    decides: its toolchain line, else its go line, which the Go command reads as an implicit toolchain.
    Source: go.dev/doc/toolchain.
    """
    problem = None
    if version_file is not None:
        try:
            if isinstance(version_file, InputError):
                raise version_file
            version = parse_go_version(version_file, where=VERSION_FILE)
            return Truth(Named(exact=version), VERSION_FILE, "the repository has a .go-version"), None
        except InputError as error:
            problem = _bad_source(error)
    if go_mod is not None:
        named, line = effective_version(go_mod)
        if named != Named():
            return Truth(named, GO_MOD, _reason(line, present=version_file is not None)), problem
    return NO_SOURCE, problem


def _reason(line: str, *, present: bool) -> str:
    missing = "the .go-version cannot be used" if present else "there is no .go-version"
    implicit = "" if line == "toolchain line" else " (an implicit toolchain)"
    return f"{missing}, so go.mod's {line}{implicit} decides"


def _bad_source(error: InputError) -> Finding:
    seen = f": {error.seen}" if error.seen else ""
    step = f"; {error.next_step}" if error.next_step else ""
    return Finding(Rule.BAD_SOURCE, VERSION_FILE, 1, 1, "", f"{error.what}{seen}{step}")
