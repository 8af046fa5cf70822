"""JUnit XML in the dialect that Prow, Spyglass and TestGrid expect.

Source: kubernetes/kubernetes test/e2e/framework/internal/junit/junit.go: no output for what passed, no
`message` on a failure (Spyglass shows it twice), sorted by name. Names are stable from run to run, since
TestGrid's rows are named by them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree as ET

from pipeline.core.result import Outcome, RunReport, ScenarioResult
from pipeline.report.conformance import statement_of
from pipeline.report.repeat import command_again

SUITE_NAME: Final = "kms-e2e"
RUN_CASE: Final = "kms-e2e run"

# Source: XML 1.0 (fifth edition), 2.2 Characters. What is not one cannot be written, not even escaped.
_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(run: RunReport) -> bytes:
    """Return the report of a run as JUnit XML, the same bytes for the same run."""
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", name=SUITE_NAME, timestamp=_timestamp(run.started_at))
    _properties(suite, _run_properties(run))
    for scenario in sorted(run.scenarios, key=case_name):
        _add_case(suite, run, scenario)
    if not_completed(run):
        _add_run_case(suite, run)
    for element in (suite, root):
        _count(element, suite, max(0.0, run.finished_at - run.started_at))
    ET.indent(root)
    xml: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return xml + b"\n"


def case_name(scenario: ScenarioResult) -> str:
    """Return the name of a test case: the id and the title, nothing that changes from run to run."""
    return legal(f"{scenario.id} {scenario.title}")


def legal(text: str) -> str:
    """Return `text` with what XML cannot hold made visible by its escape."""
    return _ILLEGAL.sub(lambda found: ascii(found[0])[1:-1], text)


def not_completed(run: RunReport) -> str:
    """Return why the run as a whole is no result, though no test case says so; empty when it is one."""
    if run.interrupted:
        return "the run was interrupted"
    if all(scenario.outcome is Outcome.NOT_RUN for scenario in run.scenarios):
        return "the run judged no scenario"
    return ""


def _add_case(suite: ET.Element, run: RunReport, scenario: ScenarioResult) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        name=case_name(scenario),
        classname=legal(f"{SUITE_NAME}.{scenario.family}"),
        time=_seconds(scenario.duration_s),
    )
    _properties(case, _case_properties(scenario))
    if scenario.expected:
        ET.SubElement(case, "skipped", message=legal(f"expected to fail: {scenario.expected}"))
    elif scenario.outcome is Outcome.FAILED:
        ET.SubElement(case, "failure", type="ScenarioFailed").text = legal(_details(run, scenario))
    elif scenario.outcome is Outcome.ERROR:
        ET.SubElement(case, "error", type="ScenarioError").text = legal(_details(run, scenario))
    elif scenario.outcome is Outcome.NOT_RUN:
        ET.SubElement(case, "skipped", message=legal(scenario.reason))


def _add_run_case(suite: ET.Element, run: RunReport) -> None:
    case = ET.SubElement(suite, "testcase", name=RUN_CASE, classname=SUITE_NAME, time=_seconds(0))
    waiting = [scenario.id for scenario in run.scenarios if scenario.outcome is Outcome.NOT_RUN]
    text = f"{not_completed(run)}; not run: {', '.join(waiting) or 'none'}"
    ET.SubElement(case, "error", type="RunIncomplete").text = legal(text)


def _details(run: RunReport, scenario: ScenarioResult) -> str:
    lines = [scenario.reason or "no reason was recorded"]
    if scenario.known_issue:
        lines.append(f"known issue: {scenario.known_issue}")
    for proof in scenario.proofs:
        verdict = "holds" if proof.holds else "DOES NOT HOLD"
        lines.append(f"{proof.name}: {verdict}\n  observed: {proof.observed}\n  wanted:   {proof.wanted}")
    lines.append(f"source: {scenario.source}\nagain: {command_again(run, scenario.id)}")
    return "\n".join(lines)


def _run_properties(run: RunReport) -> list[tuple[str, str]]:
    statement = statement_of(run)
    return [
        ("run_id", run.run_id),
        ("suite_version", run.suite_version),
        ("kubernetes", run.kubernetes),
        ("plugin", run.plugin),
        ("plugin_sha256", statement.plugin_sha256),
        ("go_version", run.go_version),
        ("go_version_source", run.go_version_source),
        ("conformance", statement.verdict.value),
        ("host", run.host),
        *((variable.name, variable.value) for variable in run.job),
    ]


def _case_properties(scenario: ScenarioResult) -> list[tuple[str, str]]:
    return [
        ("id", scenario.id),
        ("level", scenario.level.value),
        ("subject", scenario.subject.value),
        ("source", scenario.source),
        ("known_issue", scenario.known_issue),
        ("expected", scenario.expected),
    ]


def _properties(parent: ET.Element, pairs: list[tuple[str, str]]) -> None:
    element = ET.SubElement(parent, "properties")
    for name, value in pairs:
        if value:
            ET.SubElement(element, "property", name=name, value=legal(value))


def _count(element: ET.Element, suite: ET.Element, duration_s: float) -> None:
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(sum(1 for _ in suite.iter(tag))))
    element.set("time", _seconds(duration_s))


def _seconds(duration_s: float) -> str:
    return f"{max(0.0, duration_s):.3f}"


def _timestamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
