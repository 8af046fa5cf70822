"""An audit as data for other programs: JSON, SARIF 2.1.0, and annotations of GitHub's workflows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from pipeline.core.drift.audit import Audit
from pipeline.core.drift.exceptions import Allowed
from pipeline.core.drift.model import MEANING, Finding, Rule

SCHEMA_VERSION: Final = 1
_RULES: Final = tuple(Rule)
_WARNINGS: Final = frozenset({Rule.OPAQUE, Rule.UNUSED_EXCEPTION})

Json = str | int | bool | None | list["Json"] | dict[str, "Json"]


def printable(text: str) -> str:
    """Return text that cannot steer a terminal or break a line: control characters other than a tab become escapes."""
    return "".join(char if char == "\t" or char.isprintable() else ascii(char)[1:-1] for char in text)


def to_json(audit: Audit) -> str:
    """Return the audit as JSON; `docs/audit.md` describes the fields."""
    document: Json = {
        "schema_version": SCHEMA_VERSION,
        "in_force": {
            "version": str(audit.truth.version) if audit.truth.known else None,
            "file": audit.truth.file or None,
            "reason": audit.truth.reason,
        },
        "clean": audit.clean,
        "files": audit.files,
        "mentions": audit.mentions,
        "findings": [_finding(finding) for finding in audit.findings],
        "allowed": [{**_finding(allowed.finding), "reason": allowed.reason} for allowed in audit.allowed],
        "not_read": [{"file": note.file, "reason": note.reason} for note in audit.notes],
    }
    return json.dumps(document, indent=2) + "\n"


def _finding(finding: Finding) -> dict[str, Json]:
    return {
        "rule": finding.rule.value,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "text": finding.text,
        "message": finding.message,
        "correction": finding.correction,
        "obstacle": finding.obstacle or None,
    }


def to_sarif(audit: Audit, version: str) -> str:
    """Return the audit as SARIF 2.1.0, allowed findings as suppressed results. `version` is that of kms-e2e.

    Source: OASIS, Static Analysis Results Interchange Format 2.1.0.
    """
    results = [_result(finding, None) for finding in audit.findings]
    results += [_result(allowed.finding, allowed) for allowed in audit.allowed]
    rules: list[Json] = [
        {"id": rule.value, "shortDescription": {"text": MEANING[rule]}, "defaultConfiguration": {"level": _level(rule)}}
        for rule in _RULES
    ]
    document: Json = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "kms-e2e", "version": version, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": list(results),
            }
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _level(rule: Rule) -> str:
    return "warning" if rule in _WARNINGS else "error"


def _result(finding: Finding, allowed: Allowed | None) -> Json:
    region: dict[str, Json] = {"startLine": finding.line, "startColumn": finding.column}
    if finding.text:
        region["endColumn"] = finding.column + len(finding.text)
    artifact: Json = {"uri": quote(finding.file), "uriBaseId": "%SRCROOT%"}
    result: dict[str, Json] = {
        "ruleId": finding.rule.value,
        "ruleIndex": _RULES.index(finding.rule),
        "level": _level(finding.rule),
        "message": {"text": printable(finding.told)},
        "locations": [{"physicalLocation": {"artifactLocation": artifact, "region": region}}],
        "partialFingerprints": {"mention/v1": _fingerprint(finding)},
    }
    if finding.correction is not None:
        replacement: Json = {"deletedRegion": region, "insertedContent": {"text": finding.correction}}
        changes: Json = [{"artifactLocation": artifact, "replacements": [replacement]}]
        result["fixes"] = [{"description": {"text": f"write {finding.correction}"}, "artifactChanges": changes}]
    if allowed is not None:
        result["suppressions"] = [{"kind": "external", "justification": allowed.reason}]
    return result


def _fingerprint(finding: Finding) -> str:
    """Identify a finding across edits that only move it."""
    parts = f"{finding.rule.value}\n{finding.file}\n{finding.text}\n{finding.message}"
    return hashlib.sha256(parts.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def to_annotations(findings: Iterable[Finding]) -> str:
    """Return one workflow command a finding, escaped so that no file name or text can add a command.

    Source: GitHub Actions, workflow commands; actions/toolkit's `escapeProperty` and `escapeData`.
    """
    return "".join(
        f"::{_level(finding.rule)} file={_property(finding.file)},line={finding.line},col={finding.column},"
        f"title={_property(finding.rule.value)}::{_data(printable(finding.told))}\n"
        for finding in findings
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    # A line break has its own escape, by which the file is found; other control characters only steer a terminal.
    kept = "".join(char if char in "\r\n" else printable(char) for char in text)
    return _data(kept).replace(":", "%3A").replace(",", "%2C")
