"""Measure the audit on whole repositories: `python tests/corpus/measure_trees.py FOLDER`, git directories as OWNER+NAME."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.host.audit import audit_tree

LABELS = Path(__file__).parent / "trees"
SETS = ("development", "development-later", "holdout")


@dataclass(frozen=True)
class Tree:
    """One labelled repository: where it is from, the version in force, and each finding as `file:line rule`."""

    repository: str
    commit: str
    truth: str
    findings: frozenset[str]


def trees(name: str) -> list[Tree]:
    """Return the labelled repositories of a set."""
    text = (LABELS / f"{name}.toml").read_text(encoding="utf-8")
    tables: list[dict[str, Any]] = tomllib.loads(text)["tree"]
    return [Tree(t["repository"], t["commit"], t["truth"], frozenset(t["findings"])) for t in tables]


def export(git: Path, commit: str, target: Path) -> None:
    """Write the files of a commit to `target`/tree; what a partial copy of the repository lacks is left out."""
    git_words = ["git", "--git-dir", str(git)]
    environment = os.environ | {"GIT_INDEX_FILE": str(target / "index")}
    subprocess.run([*git_words, "read-tree", commit], env=environment, check=True)
    words = [*git_words, "checkout-index", "--all", "--quiet", f"--prefix={target}/tree/"]
    subprocess.run(words, env=environment, capture_output=True, check=False)


def main() -> int:
    """Print precision and recall of each set, apart, and every disagreement."""
    for name in SETS:
        print(f"== {name}")
        measure(name, Path(sys.argv[1]))
    return 0


def measure(name: str, folder: Path) -> None:
    """Audit each tree of a set below `folder`, and print what was found, missed and wrong."""
    right = wrong = missed = files = clean = 0
    for tree in trees(name):
        place = folder / tree.repository.replace("/", "+")
        with tempfile.TemporaryDirectory() as scratch:
            export(place, tree.commit, Path(scratch))
            audit = audit_tree(Path(scratch) / "tree")
        found = {f"{finding.file}:{finding.line} {finding.rule.value}" for finding in audit.findings}
        files += audit.files
        clean += not tree.findings
        right, wrong = right + len(found & tree.findings), wrong + len(found - tree.findings)
        missed += len(tree.findings - found)
        print(f"{tree.repository}: {len(found & tree.findings)} of {len(tree.findings)}; in force {audit.truth.version}")
        for what, labels in (("false alarm", found - tree.findings), ("missed", tree.findings - found)):
            for label in sorted(labels):
                print(f"  {what}: {label}")
        if (str(audit.truth.version) if audit.truth.known else "") != tree.truth:
            print(f"  wrong version in force: {audit.truth.version}, labelled {tree.truth}")
    print(f"{len(trees(name))} trees ({clean} clean), {files} files parsed, {right + missed} labels, {right} found, {wrong} false")
    print(f"precision {right / max(1, right + wrong):.3f}, recall {right / max(1, right + missed):.3f}")


if __name__ == "__main__":
    sys.exit(main())
