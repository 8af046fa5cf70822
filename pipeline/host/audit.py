"""The audit on a real tree: walk it, read candidates within bounds, hand their texts to `pipeline.core.drift`.

The tree is hostile until proven otherwise: nothing in it is executed, nothing outside it is read, nothing waits (a
FIFO), nothing grows with a file's size, and nothing is written (`pipeline.host.audit_fix` writes, when asked to).
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.core.drift.audit import Audit, Auditor, Note
from pipeline.core.drift.exceptions import FILE_NAME, Exceptions, parse_exceptions
from pipeline.core.drift.files import ALWAYS_TOLD, SKIPPED_FOLDERS, reader_for
from pipeline.core.drift.judge import VERSION_FILE
from pipeline.core.drift.model import Finding, Rule, Truth, make_document
from pipeline.core.drift.truth import GO_MOD, decide_truth
from pipeline.errors import InputError
from pipeline.host.source import read_version_file

MAX_BYTES: Final = 1 << 20
"""Largest file that is read. The largest Dockerfile, go.mod or workflow of Kubernetes' repositories has 100 KiB."""

MAX_SUM_BYTES: Final = 16 << 20
"""Largest go.sum that is read: those of monorepos pass 1 MiB."""

MAX_NOTES: Final = 50
MAX_LINE_BYTES: Final = 1 << 15
"""Longest line that is read, so that no pattern meets a line it needs minutes for."""

_RELEVANT: Final = re.compile(
    rb"(?i)(?<![a-z])go(?![a-z])|golang|gimme|buildgo1|go(?:ver|toolchain|sumdb|nosum|insecure|private|flags|tool@|binary)"
    rb"|gonosum|goinsecure"
)
"""What every mention of a reader chosen by pattern holds; most files of a tree hold none of it."""


class UnreadableError(Exception):
    """A file is there and was not read; the text says why."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may name a Go version: its path relative to the root, and whether it is a symbolic link."""

    path: str
    is_link: bool = False

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition("/")[2]

    def is_relevant(self, content: bytes) -> bool:
        """Tell whether a content can hold a mention at all, at the price of one search."""
        return self.name in ALWAYS_TOLD or _RELEVANT.search(content) is not None


def audit_tree(root: Path, *, version_file: bytes | None = None) -> Audit:
    """Audit the repository at `root`, as if its `.go-version` had the content `version_file` when that is given.

    Raises: InputError when `root` is no folder or its `audit.toml` cannot be used.
    """
    if not root.is_dir():
        raise _no_folder(root)
    exceptions = _exceptions(root)
    auditor, unreadable, notes = Auditor(), list[Finding](), list[Note]()
    for candidate in candidates(root, notes):
        try:
            content = read_candidate(root, candidate)
        except UnreadableError as error:
            _tell(candidate, str(error), unreadable, notes)
            continue
        if content is not None:
            auditor.add(shown_path(candidate.path), content.decode("utf-8", "surrogateescape"))
    source = version_file if version_file is not None else _version_file(root)
    return auditor.finish(source, exceptions, unreadable=unreadable, notes=tuple(notes[:MAX_NOTES]))


def truth_of(root: Path) -> Truth:
    """Return the version in force at `root` without auditing the tree.

    Raises: InputError when `root` is no folder.
    """
    if not root.is_dir():
        raise _no_folder(root)
    try:
        go_mod = make_document(GO_MOD, read_regular(root / GO_MOD, MAX_BYTES).decode("utf-8", "surrogateescape"))
    except UnreadableError:
        go_mod = None
    return decide_truth(_version_file(root), go_mod)[0]


def _no_folder(root: Path) -> InputError:
    return InputError("there is no such folder", seen=str(root), wanted="a repository", next_step="name a folder")


def candidates(root: Path, notes: list[Note]) -> Iterator[Candidate]:
    """Yield the files to read, without entering `SKIPPED_FOLDERS` or links to folders; order is not defined.

    Folders that cannot be listed are added to `notes`.
    """
    folders = [""]
    while folders:
        prefix = folders.pop()
        try:
            entries = os.scandir(root / prefix)
        except OSError as error:
            notes.append(Note(shown_path(prefix), _why(error)))
            continue
        with entries:
            for entry in entries:
                path = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in SKIPPED_FOLDERS:
                        folders.append(path + "/")
                elif reader_for(path) is not None:
                    yield Candidate(path, entry.is_symlink())


def read_candidate(root: Path, candidate: Candidate) -> bytes | None:
    """Return a candidate's content, or None when it can hold no mention or is a link to a file that is read anyway.

    Raises: UnreadableError with the reason: no regular file, too large, a NUL byte, a line too long, a link out of
    the repository, no permission, or gone.
    """
    path = root / candidate.path
    if candidate.is_link:
        try:
            base, target = os.path.realpath(root), os.path.realpath(path, strict=True)
        except OSError as error:
            raise UnreadableError(f"a symbolic link that leads nowhere: {_why(error)}") from error
        if os.path.commonpath([base, target]) != base:
            raise UnreadableError("a symbolic link out of the repository")
        relative = os.path.relpath(target, base).replace(os.sep, "/")
        if reader_for(relative) is not None and not SKIPPED_FOLDERS.keys() & set(relative.split("/")):
            return None
        path = Path(target)
    limit = MAX_SUM_BYTES if candidate.path.endswith(".sum") else MAX_BYTES
    content = read_regular(path, limit)
    if b"\0" in content:
        raise UnreadableError("it holds a NUL byte")
    if not candidate.is_relevant(content):
        return None
    if max(map(len, content.split(b"\n"))) > MAX_LINE_BYTES:
        raise UnreadableError(f"it has a line of more than {MAX_LINE_BYTES} bytes")
    return content


def read_regular(path: Path, limit_bytes: int) -> bytes:
    """Read a regular file of at most `limit_bytes`, without following a link and without waiting for a writer.

    Raises: UnreadableError.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise UnreadableError(_why(error)) from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("no regular file")
        if status.st_size > limit_bytes:
            raise UnreadableError(f"{status.st_size} bytes, more than the {limit_bytes} that are read")
        try:
            content = file.read(limit_bytes + 1)
        except OSError as error:
            raise UnreadableError(_why(error)) from error
    if len(content) > limit_bytes:
        raise UnreadableError(f"more than the {limit_bytes} bytes that are read")
    return content


def _why(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "a symbolic link"
    return (error.strerror or "unreadable").lower()


def shown_path(path: str) -> str:
    """Return a path that can be printed and encoded: bytes that are no UTF-8 as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _tell(candidate: Candidate, reason: str, unreadable: list[Finding], notes: list[Note]) -> None:
    shown = shown_path(candidate.path)
    if candidate.path == VERSION_FILE:
        return  # the judge of the source says it
    if candidate.name in ALWAYS_TOLD:
        unreadable.append(Finding(Rule.UNREADABLE, shown, 1, 1, "", f"not read: {reason}"))
    else:
        notes.append(Note(shown, reason))


def _version_file(root: Path) -> bytes | InputError | None:
    found = read_version_file(root)
    return found.content if found.problem is None else found.problem


def _exceptions(root: Path) -> Exceptions:
    path = root / FILE_NAME
    if not os.path.lexists(path):
        return Exceptions()
    try:
        return parse_exceptions(read_regular(path, MAX_BYTES))
    except UnreadableError as error:
        raise InputError(f"{FILE_NAME} was not read: {error}", where=str(path), next_step="make it a file") from error
