"""Measure the audit on the labelled corpus: `python tests/corpus/measure.py` prints precision and recall per folder."""

from __future__ import annotations

import re
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.core.drift.audit import Audit
from pipeline.host.audit import audit_tree

CORPUS = Path(__file__).parent
SETS = ("development", "holdout")
NAMED = {True: "modelled on named repositories", False: "made up for a format"}
_SECTION = re.compile(r"^-- (.+) --\n", re.MULTILINE)

Label = tuple[str, int, str]
"""File, line, rule."""


@dataclass(frozen=True)
class Case:
    """One labelled repository."""

    name: str
    header: dict[str, object]
    files: dict[str, str]
    links: dict[str, str]
    labels: frozenset[Label]


@dataclass
class Figures:
    """Counts over a set of cases; a finding counts by file, line and rule."""

    cases: int = 0
    clean: int = 0
    real: int = 0
    files: int = 0
    right: int = 0
    false: list[tuple[str, Label]] = field(default_factory=list)
    missed: list[tuple[str, Label]] = field(default_factory=list)
    wrong_truth: list[str] = field(default_factory=list)
    noisy_clean: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Return the share of findings that are labelled."""
        return self.right / max(1, self.right + len(self.false))

    @property
    def recall(self) -> float:
        """Return the share of labels that are found."""
        return self.right / max(1, self.right + len(self.missed))


def load(folder: Path) -> Iterator[Case]:
    """Yield the cases of a folder."""
    for path in sorted(folder.glob("*.txtar")):
        head, *rest = _SECTION.split(path.read_text(encoding="utf-8"))
        header = tomllib.loads(head)
        files = dict(zip(rest[::2], rest[1::2], strict=True))
        labels = frozenset((label["file"], label["line"], label["rule"]) for label in header.pop("finding", []))
        yield Case(path.stem, header, files, header.pop("links", {}), labels)


def unpack(case: Case, root: Path) -> None:
    """Write a case below `root`."""
    for name, text in case.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name, target in case.links.items():
        (root / name).symlink_to(target)


def found_labels(audit: Audit) -> frozenset[Label]:
    """Return an audit's findings as labels."""
    return frozenset((finding.file, finding.line, finding.rule.value) for finding in audit.findings)


def measure(folder: Path, *, named: bool | None = None) -> Figures:
    """Audit every case of a folder and count; with `named` only those that name a repository, or that do not."""
    figures = Figures()
    for case in load(folder):
        if named is not None and named != ("repository" in case.header):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            unpack(case, root)
            _count(figures, case, audit_tree(root))
    return figures


def _count(figures: Figures, case: Case, audit: Audit) -> None:
    found = found_labels(audit)
    figures.cases += 1
    figures.clean += not case.labels
    figures.real += "repository" in case.header
    figures.files += len(case.files)
    figures.right += len(found & case.labels)
    figures.false += [(case.name, label) for label in sorted(found - case.labels)]
    figures.missed += [(case.name, label) for label in sorted(case.labels - found)]
    if not case.labels and found:
        figures.noisy_clean.append(case.name)
    if str(case.header.get("truth", "")) != (str(audit.truth.version).removesuffix(".x") if audit.truth.known else ""):
        figures.wrong_truth.append(case.name)


def line(name: str, figures: Figures) -> str:
    """Return the row of `docs/audit.md`."""
    return (
        f"| {name} | {figures.cases} | {figures.real} | {figures.clean} | {figures.files} "
        f"| {figures.right + len(figures.missed)} | {figures.right} | {len(figures.false)} "
        f"| {figures.precision:.3f} | {figures.recall:.3f} |"
    )


def rows() -> Iterator[tuple[str, Figures]]:
    """Yield the rows of `docs/audit.md`: each set, and the two kinds of cases of the one the rules were tuned on."""
    yield "holdout", measure(CORPUS / "holdout")
    yield "development", measure(CORPUS / "development")
    for named, kind in NAMED.items():
        yield f"development, {kind}", measure(CORPUS / "development", named=named)


HEADING = (
    "| set | cases | from real repositories | clean | files | labels | found | false alarms | precision | recall |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def main() -> int:
    """Print the figures of both sets, apart, and every disagreement."""
    print(HEADING)
    for name, figures in rows():
        print(line(name, figures))
        for what, places in (("false alarm", figures.false), ("missed", figures.missed)):
            for case, (file, number, rule) in places:
                print(f"  {what}: {name}/{case}: {file}:{number} {rule}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
