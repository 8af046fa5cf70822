"""The audit for people (a table) and for test reports (JUnit)."""

from __future__ import annotations

import io
import sys

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.core.drift.audit import Audit
from pipeline.core.drift.formats import printable
from pipeline.core.drift.judge import VERSION_FILE
from pipeline.core.drift.model import Finding, Rule

_TEXT_WIDTH = 400
"""Columns where no terminal folds the lines, so that a log can be searched for `file:line:column`."""


def table(audit: Audit, *, to_text: bool = False) -> str:
    """Print the audit on standard output, or return it as text without colours."""
    buffer = io.StringIO() if to_text else None
    console = Console(
        file=buffer or sys.stdout, width=None if sys.stdout.isatty() and not to_text else _TEXT_WIDTH, highlight=False
    )
    console.print(Text(_in_force(audit)))
    if audit.findings:
        console.print(_rows(audit.findings))
    for note in audit.notes:
        console.print(Text(printable(f"not read: {note.file}: {note.reason}"), style="dim"))
    console.print(Text(_summary(audit), style="green" if audit.clean else "red"))
    return buffer.getvalue() if buffer else ""


def _rows(findings: tuple[Finding, ...]) -> Table:
    rows = Table(box=None, pad_edge=False)
    for heading in ("where", "rule", "what"):
        rows.add_column(heading, overflow="fold", no_wrap=False)
    for finding in findings:
        where = f"{finding.file}:{finding.line}:{finding.column}"
        rows.add_row(Text(printable(where)), Text(finding.rule.value, style="bold"), Text(printable(finding.told)))
    return rows


def _in_force(audit: Audit) -> str:
    truth = audit.truth
    if not truth.known:
        return f"no version is in force: {truth.reason}; write one exact version into {VERSION_FILE}"
    told = f"in force: Go {truth.version} by {truth.file} ({truth.reason})"
    if truth.file == VERSION_FILE:
        return told
    if any(finding.rule is Rule.BAD_SOURCE for finding in audit.findings):
        return told
    return f"{told}; --create writes {VERSION_FILE}" if truth.version.exact else told


def _summary(audit: Audit) -> str:
    outcome = "clean" if audit.clean else f"{len(audit.findings)} finding(s)"
    allowed = f", {len(audit.allowed)} allowed by audit.toml" if audit.allowed else ""
    return f"{outcome}: {audit.mentions} mention(s) of Go versions in {audit.files} file(s){allowed}"


def to_junit(audit: Audit) -> str:
    """Return the audit as JUnit XML: a failed case a finding, a skipped one an allowed one, one passed when clean."""
    suite = TestSuite("go version audit")
    cases = [_case(finding, Failure(finding.told, finding.rule.value)) for finding in audit.findings]
    cases += [_case(allowed.finding, Skipped(allowed.reason)) for allowed in audit.allowed]
    if audit.clean:
        cases.append(TestCase(_in_force(audit), "audit"))
    suite.add_testcases(cases)
    report = JUnitXml()
    report.add_testsuite(suite)
    report.update_statistics()  # type: ignore[no-untyped-call]
    content: bytes = report.tostring()  # type: ignore[no-untyped-call]
    return content.decode()


def _case(finding: Finding, result: Failure | Skipped | Error) -> TestCase:
    case = TestCase(printable(f"{finding.file}:{finding.line}:{finding.column}"), f"audit.{finding.rule.value}")
    result.message = printable(result.message or "")
    case.result = [result]
    return case
