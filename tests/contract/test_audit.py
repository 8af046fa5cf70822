from __future__ import annotations

import tomllib
from pathlib import Path

from pipeline.core.drift.model import Rule
from pipeline.host.audit import audit_tree

ROOT = Path(__file__).parents[2]


def test_the_project_names_one_go_version_only() -> None:
    audit = audit_tree(ROOT)
    assert [f"{found.file}:{found.line} {found.rule} {found.message}" for found in audit.findings] == []
    assert audit.truth.file == ".go-version"
    assert audit.notes == ()


def test_the_twin_with_another_version_in_force_it_is_not_clean() -> None:
    audit = audit_tree(ROOT, version_file=b"1.20.14\n")
    assert Rule.LOWER_BOUND in {found.rule for found in audit.findings}


def test_each_exception_has_its_reason_and_is_used() -> None:
    tables = tomllib.loads((ROOT / "audit.toml").read_text(encoding="utf-8"))["allow"]
    used = {allowed.reason for allowed in audit_tree(ROOT).allowed}
    assert {table["reason"] for table in tables} == used
