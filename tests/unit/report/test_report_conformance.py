from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from pipeline.core.result import Level, NotRun, Outcome, RunReport, ScenarioResult, Subject
from pipeline.report.conformance import Verdict, badge_endpoint, badge_svg, statement_of
from tests.unit.report.sample import sample_run


def run_of(*scenarios: ScenarioResult) -> RunReport:
    return replace(sample_run(), scenarios=scenarios)


def scenario(
    name: str, outcome: Outcome, level: Level = Level.MUST, subject: Subject = Subject.PLUGIN, reason: str = ""
) -> ScenarioResult:
    return ScenarioResult(name, f"title of {name}", name[0], level, "KEP-3299", subject, outcome, reason)


GOOD = scenario("A01", Outcome.PASSED)


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (scenario("A02", Outcome.PASSED), Verdict.CONFORMANT),
        (scenario("A02", Outcome.FAILED), Verdict.NOT_CONFORMANT),
        (scenario("A02", Outcome.ERROR), Verdict.NOT_CONFORMANT),
        (scenario("A02", Outcome.NOT_RUN), Verdict.INCOMPLETE),
        (scenario("A02", Outcome.FAILED, Level.SHOULD), Verdict.CONFORMANT),
        (scenario("A02", Outcome.FAILED, Level.INFO), Verdict.CONFORMANT),
        (scenario("B18", Outcome.FAILED, subject=Subject.KUBE_APISERVER), Verdict.CONFORMANT),
        (scenario("C34", Outcome.ERROR, subject=Subject.PROCEDURE), Verdict.CONFORMANT),
        (scenario("B18", Outcome.NOT_RUN, subject=Subject.KUBE_APISERVER), Verdict.CONFORMANT),
    ],
)
def test_only_the_plugins_musts_decide(other: ScenarioResult, verdict: Verdict) -> None:
    assert statement_of(run_of(GOOD, other)).verdict is verdict


def test_what_the_run_was_given_says_nothing_about_the_plugin() -> None:
    hook = replace(scenario("C31", Outcome.ERROR, reason="hook rotate failed"), wrong_input=True)
    statement = statement_of(run_of(GOOD, hook))
    assert statement.verdict is Verdict.INCOMPLETE
    assert [(item.id, item.outcome, item.reason) for item in statement.musts.not_run] == [
        ("C31", Outcome.ERROR, "hook rotate failed")
    ]
    failed = scenario("C32", Outcome.FAILED)
    assert statement_of(run_of(GOOD, hook, failed)).verdict is Verdict.NOT_CONFORMANT


def test_a_failure_outweighs_what_was_not_run() -> None:
    run = run_of(scenario("A01", Outcome.NOT_RUN), scenario("A02", Outcome.FAILED))
    assert statement_of(run).verdict is Verdict.NOT_CONFORMANT


@pytest.mark.parametrize("run", [run_of(), run_of(scenario("A01", Outcome.PASSED, Level.SHOULD))])
def test_without_a_must_nothing_is_said(run: RunReport) -> None:
    assert statement_of(run).verdict is Verdict.INCOMPLETE


def test_what_was_not_run_is_listed_with_its_reason() -> None:
    missing = scenario("A12", Outcome.NOT_RUN, reason=NotRun.NOT_SELECTED)
    statement = statement_of(run_of(GOOD, missing))
    assert [(item.id, item.reason) for item in statement.musts.not_run] == [("A12", "not selected")]
    assert statement.musts.total == 2


def test_the_statement_names_what_was_tested() -> None:
    run = sample_run()
    statement = statement_of(run)
    assert (statement.plugin, statement.plugin_version, statement.kubernetes) == ("reference", "v0.1.0", "v1.37.2")
    assert statement.plugin_sha256 == next(item.sha256 for item in run.artifacts if item.name == "kms-plugin")
    assert statement_of(replace(run, artifacts=())).plugin_sha256 == ""
    assert [item.id for item in statement.musts.failed] == ["A07", "C31"]
    assert (len(statement.musts.passed), statement.shoulds.total) == (12, 1)


@pytest.mark.parametrize(
    ("outcome", "message", "colour"),
    [
        (Outcome.PASSED, "conformant 2/2", "brightgreen"),
        (Outcome.FAILED, "not conformant 1/2", "red"),
        (Outcome.NOT_RUN, "incomplete 1/2", "lightgrey"),
    ],
)
def test_the_badge_says_the_verdict_in_both_forms(outcome: Outcome, message: str, colour: str) -> None:
    statement = statement_of(run_of(GOOD, scenario("A02", outcome)))
    assert json.loads(badge_endpoint(statement)) == {
        "schemaVersion": 1, "label": "KMS v2", "message": message, "color": colour,
    }  # fmt: skip
    svg = ET.fromstring(badge_svg(statement))
    assert svg.attrib["aria-label"] == f"KMS v2: {message}"
    assert [item.text for item in svg.iter("{http://www.w3.org/2000/svg}text")] == ["KMS v2", message]
