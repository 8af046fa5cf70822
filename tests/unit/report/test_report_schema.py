from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from pipeline.core.result import (
    SCHEMA_VERSION,
    Artifact,
    Event,
    KmsCall,
    Latency,
    Level,
    NotRun,
    Outcome,
    Proof,
    RunReport,
    ScenarioResult,
    Subject,
)
from pipeline.report import files
from pipeline.report.conformance import STATEMENT_VERSION, Judged, Statement, Tally, Verdict

PAGE = (Path(__file__).parents[3] / "docs" / "report-schema.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"`([^`]+)`", PAGE))


@pytest.mark.parametrize(
    "record", [RunReport, ScenarioResult, Proof, Latency, Event, KmsCall, Artifact, Statement, Tally, Judged]
)
def test_every_field_is_documented(record: type) -> None:
    assert {item.name for item in fields(record)} - WORDS == set()


@pytest.mark.parametrize("kind", [Level, Subject, Outcome, NotRun])
def test_every_value_is_documented(kind: type[Level | Subject | Outcome | NotRun]) -> None:
    assert {item.value for item in kind} - WORDS == set()


def test_every_file_and_verdict_is_documented() -> None:
    names = [value for name, value in vars(files).items() if name.endswith("_FILE")]
    assert len(names) >= 10
    assert set(names) - WORDS == set()
    assert all(f"**{verdict}**" in PAGE for verdict in Verdict)


def test_the_page_names_the_current_versions() -> None:
    assert f"`schema_version` is {SCHEMA_VERSION}." in PAGE
    assert f"`statement_version` ({STATEMENT_VERSION})" in PAGE
