"""Writing everything that is derived from a run's report."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.result import RunReport, to_json
from pipeline.report import files
from pipeline.report.conformance import badge_endpoint, badge_svg, statement_of
from pipeline.report.html import report_html
from pipeline.report.junit import junit_xml


def write_report(folder: Path, run: RunReport) -> None:
    """Write report.json, the JUnit file, the conformance statement, the badge and report.html.

    Each file is replaced whole. The same run and the same logs give the same bytes.

    Raises: MachineError when the folder cannot be written.
    """
    statement = statement_of(run)
    # The page comes last: it is the largest and needs the logs, and what a machine reads must be there without it.
    for name, data in (
        (files.REPORT_FILE, files.encode_json(to_json(run, indent=1))),
        (files.JUNIT_FILE, junit_xml(run)),
        (files.CONFORMANCE_FILE, files.encode_json(to_json(statement, indent=2))),
        (files.BADGE_FILE, (badge_svg(statement) + "\n").encode()),
        (files.BADGE_ENDPOINT_FILE, files.encode_json(badge_endpoint(statement))),
    ):
        files.write_whole(folder / name, data)
    files.write_whole(folder / files.HTML_FILE, report_html(folder, run))
