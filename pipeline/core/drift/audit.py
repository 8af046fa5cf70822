"""The audit of a whole repository as a pure function over its candidate files' texts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.core.drift.exceptions import Allowed, Exceptions
from pipeline.core.drift.files import reader_for
from pipeline.core.drift.go_files import effective_version
from pipeline.core.drift.judge import VERSION_FILE, judge
from pipeline.core.drift.model import Document, Finding, Mention, Named, Truth, make_document
from pipeline.core.drift.truth import GO_MOD, decide_truth
from pipeline.core.drift.versions import read_version
from pipeline.errors import InputError

_SOURCES = frozenset({"go.mod", "go.work", VERSION_FILE})


@dataclass(frozen=True, slots=True)
class Note:
    """A file that was not read, and why; it changes nothing about the outcome."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found. `findings` decide the exit code; `allowed` are covered by `audit.toml`."""

    truth: Truth
    findings: tuple[Finding, ...]
    allowed: tuple[Allowed, ...]
    mentions: int
    files: int
    notes: tuple[Note, ...] = ()

    @property
    def clean(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.findings


class Auditor:
    """Takes files one by one and keeps only mentions, so that memory does not grow with the tree; judges at the end."""

    def __init__(self) -> None:
        self._mentions: list[Mention] = []
        self._sources: dict[str, Named] = {}
        self._root: Document | None = None
        self._files = 0

    def add(self, path: str, text: str) -> None:
        """Read one candidate file; `path` is relative to the root, with slashes. Other files are ignored."""
        reader = reader_for(path)
        if reader is None:
            return
        self._files += 1
        document = make_document(path, text)
        if path != VERSION_FILE:
            self._mentions.extend(reader(document))
        if document.name in _SOURCES:
            self._remember(document)

    def _remember(self, document: Document) -> None:
        if document.name == VERSION_FILE:
            self._sources[document.path] = read_version(document.lines[0].strip()) or Named()
        else:
            self._sources[document.path] = effective_version(document)[0]
        if document.path == GO_MOD:
            self._root = document

    def finish(
        self,
        version_file: bytes | InputError | None,
        exceptions: Exceptions,
        *,
        unreadable: Iterable[Finding] = (),
        notes: tuple[Note, ...] = (),
    ) -> Audit:
        """Judge everything taken so far. `unreadable` are findings about files that could not be taken."""
        truth, problem = decide_truth(version_file, self._root)
        findings = [*([problem] if problem else []), *unreadable, *judge(self._mentions, truth, self._sources)]
        standing, allowed = exceptions.split(findings)
        return Audit(truth, tuple(standing), tuple(allowed), len(self._mentions), self._files, notes)
