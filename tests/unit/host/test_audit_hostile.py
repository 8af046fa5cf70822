"""Hostile contents: what the audit says of each. Nothing is executed or written, bytes are quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.drift.model import Rule
from pipeline.host.audit import audit_tree
from tests.corpus.hostile import OTHERS, SPECIAL, VERSION_FILES, audited, table, write

DOCUMENT = Path(__file__).parents[3] / "docs" / "hostile-input.md"


@pytest.mark.parametrize("content", VERSION_FILES.values(), ids=list(VERSION_FILES))
def test_a_hostile_version_file_is_refused_and_quoted(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, ".go-version", content)
    (finding,) = audit_tree(tmp_path).findings
    assert finding.rule is Rule.BAD_SOURCE
    assert finding.message.isascii() or "…" in finding.message
    assert finding.message.isprintable()
    assert [path.name for path in tmp_path.iterdir()] == [".go-version"]


@pytest.mark.parametrize(("name", "content", "rules"), OTHERS.values(), ids=list(OTHERS))
def test_a_hostile_file_is_read_for_what_it_says(
    tmp_path: Path, name: str, content: bytes, rules: set[Rule], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, ".go-version", b"1.26.3\n")
    write(tmp_path, name, content)
    assert {finding.rule for finding in audit_tree(tmp_path).findings} == rules
    assert not (tmp_path / "executed").exists()


def test_the_twin_a_usable_version_file_is_no_finding(tmp_path: Path) -> None:
    for content in (b"1.26.3", b"1.26.3\n", b"go1.26.3\n", b"1.27rc1\n", b"1.20\n"):
        write(tmp_path, ".go-version", content)
        assert audit_tree(tmp_path).clean, content


def test_there_are_enough_of_them() -> None:
    assert len(VERSION_FILES) + len(OTHERS) >= 60


@pytest.mark.parametrize("what", SPECIAL)
def test_what_is_no_ordinary_file_is_told_and_not_read(what: str) -> None:
    name, make, rule = SPECIAL[what]
    assert [(found.rule, found.file) for found in audited(name, make).findings] == [(rule, name)]


def test_the_documented_table_is_what_is_said() -> None:
    assert table() in DOCUMENT.read_text(encoding="utf-8"), (
        "run python tests/corpus/hostile.py and put it into the page"
    )
