from __future__ import annotations

import json

from pipeline.core.drift.audit import Audit, Note
from pipeline.core.drift.exceptions import Allowed
from pipeline.core.drift.formats import printable, to_annotations, to_json, to_sarif
from pipeline.core.drift.model import MEANING, Finding, Named, Rule, Truth
from pipeline.core.go_version import GoVersion

HOSTILE = "a,b:c%\n::warning::x\x1b[31m\u202e"
FINDING = Finding(Rule.DRIFT, "Dockerfile", 3, 13, "1.26.2", "names Go 1.26.2", "1.26.3")
AUDIT = Audit(
    Truth(Named(exact=GoVersion(26, 3)), ".go-version", "because"),
    (FINDING, Finding(Rule.CHECKSUM_DATABASE_OFF, HOSTILE, 1, 1, "off", HOSTILE)),
    (Allowed(Finding(Rule.FLOATING, "ci.yml", 9, 1, "stable", "moves"), "on purpose, every night"),),
    mentions=5,
    files=4,
    notes=(Note("big.yaml", "too large"),),
)


def test_the_json_form_holds_everything() -> None:
    document = json.loads(to_json(AUDIT))
    assert document["in_force"] == {"version": "1.26.3", "file": ".go-version", "reason": "because"}
    assert (document["clean"], document["files"], document["mentions"]) == (False, 4, 5)
    assert document["findings"][0]["correction"] == "1.26.3"
    assert document["allowed"][0]["reason"] == "on purpose, every night"
    assert document["not_read"] == [{"file": "big.yaml", "reason": "too large"}]


def test_sarif_names_rules_places_fixes_and_suppressions() -> None:
    document = json.loads(to_sarif(AUDIT, "9.9"))
    (run,) = document["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert document["version"] == "2.1.0"
    assert set(rules) == set(Rule) == set(MEANING)
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
    first, second, third = run["results"]
    assert first["locations"][0]["physicalLocation"]["region"] == {"startLine": 3, "startColumn": 13, "endColumn": 19}
    assert first["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"] == {"text": "1.26.3"}
    assert "\n" not in second["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert third["suppressions"] == [{"kind": "external", "justification": "on purpose, every night"}]


def test_no_name_or_text_can_add_a_workflow_command() -> None:
    lines = to_annotations(AUDIT.findings).splitlines()
    assert lines[0] == "::error file=Dockerfile,line=3,col=13,title=drift::names Go 1.26.2 (--fix writes 1.26.3)"
    assert len(lines) == len(AUDIT.findings)
    assert "file=a%2Cb%3Ac%25%0A%3A%3Awarning%3A%3Ax" in lines[1]
    assert "\x1b" not in lines[1]
    assert lines[1].isprintable()


def test_control_characters_become_escapes() -> None:
    assert printable("a\tb") == "a\tb"
    assert printable("\x1b[31m\n\u202eé") == "\\x1b[31m\\n\\u202eé"
