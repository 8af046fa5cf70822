"""Corrections: which bytes change, shown as a diff first, and written without a half-written file in between."""

from __future__ import annotations

import difflib
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pipeline.core.drift.audit import Audit
from pipeline.core.drift.formats import printable
from pipeline.core.drift.judge import VERSION_FILE
from pipeline.core.drift.model import Finding
from pipeline.core.go_version import GoVersion
from pipeline.errors import InputError, MachineError
from pipeline.host.audit import MAX_BYTES, UnreadableError, audit_tree, read_regular


@dataclass(frozen=True, slots=True)
class Change:
    """One file before (None: there is none) and after; `findings` are those that it settles."""

    path: str
    before: bytes | None
    after: bytes
    findings: tuple[Finding, ...]

    def diff(self) -> str:
        """Return the change as a unified diff, with the control characters of hostile files escaped."""
        before, after = (_shown_lines(content) for content in (self.before or b"", self.after))
        old = "/dev/null" if self.before is None else f"a/{self.path}"
        lines = difflib.unified_diff(before, after, old, f"b/{self.path}", n=1, lineterm="")
        return "".join(f"{printable(line)}\n" for line in lines)


def _shown_lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "backslashreplace").removesuffix("\n").split("\n") if content else []


def plan_changes(root: Path, findings: Iterable[Finding]) -> list[Change]:
    """Return the smallest changes that bring correctable findings to the version in force.

    A file that is a link, or is not what the audit read any more, is left alone.
    """
    correctable = sorted((f for f in findings if f.correction is not None), key=lambda f: (f.file, f.line, f.column))
    changes = []
    for path, group in groupby(correctable, key=lambda finding: finding.file):
        try:
            before = read_regular(root / path, MAX_BYTES)
        except UnreadableError:
            continue
        if change := _change(path, before, list(group)):
            changes.append(change)
    return changes


def _change(path: str, before: bytes, findings: list[Finding]) -> Change | None:
    lines = before.decode("utf-8", "surrogateescape").split("\n")
    done = []
    for finding in reversed(findings):
        line, start = lines[finding.line - 1] if finding.line <= len(lines) else "", finding.column - 1
        if line[start : start + len(finding.text)] == finding.text and finding.correction is not None:
            lines[finding.line - 1] = line[:start] + finding.correction + line[start + len(finding.text) :]
            done.append(finding)
    after = "\n".join(lines).encode("utf-8", "surrogateescape")
    return Change(path, before, after, tuple(reversed(done))) if done and after != before else None


def apply_change(root: Path, change: Change) -> None:
    """Write one change: a new file beside the old one, with its mode, renamed over it.

    Raises: MachineError when the file is not as planned any more or cannot be written.
    """
    path = root / change.path
    try:
        if change.before is None:
            with path.open("xb") as file:
                file.write(change.after)
            return
        _replace(path, change.before, change.after)
    except (OSError, UnreadableError) as error:
        raise MachineError("a correction was not written", seen=str(error), where=str(path)) from error


def _replace(path: Path, before: bytes, content: bytes) -> None:
    if read_regular(path, MAX_BYTES) != before:
        raise UnreadableError("it changed meanwhile")
    mode = path.lstat().st_mode & 0o777
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def plan_bump(root: Path, version: GoVersion) -> list[Change]:
    """Return the changes that make `version` the one in force: `.go-version`, and everything the audit can correct.

    Raises: InputError when `.go-version` or `audit.toml` cannot be read.
    """
    after = f"{version}\n".encode()
    changes = plan_changes(root, audit_tree(root, version_file=after).findings)
    path = root / VERSION_FILE
    if not os.path.lexists(path):
        return [Change(VERSION_FILE, None, after, ()), *changes]
    try:
        before = read_regular(path, MAX_BYTES)
    except UnreadableError as error:
        raise InputError(f".go-version was not read: {error}", where=str(path), next_step="make it a file") from error
    return [*([Change(VERSION_FILE, before, after, ())] if before != after else []), *changes]


def plan_version_file(root: Path, audit: Audit) -> Change:
    """Return the change that writes `.go-version` with the version in force, where there is none.

    Raises: InputError when there is one already, or when the version in force is no exact release.
    """
    path, exact = root / VERSION_FILE, audit.truth.version.exact
    if os.path.lexists(path):
        raise InputError("there is a .go-version already", where=str(path), next_step="correct that file")
    if exact is None:
        raise InputError(
            "no exact version is in force, so none can be written",
            seen=audit.truth.reason,
            where=str(root),
            next_step="write .go-version by hand",
        )
    return Change(VERSION_FILE, None, f"{exact}\n".encode(), ())
