"""report.html: one file that a person opens, without a server and without a network."""

from __future__ import annotations

from pathlib import Path

import jinja2

from pipeline.core.result import RunReport
from pipeline.report.conformance import statement_of


def report_html(folder: Path, run: RunReport) -> bytes:
    """Return the page for a run, with log excerpts of `folder`."""
    environment = jinja2.Environment(loader=jinja2.PackageLoader("pipeline.report"), autoescape=True)
    template = environment.get_template("report.html.j2")
    text = template.render(run=run, statement=statement_of(run), folder=folder.name)
    return text.encode("utf-8", errors="replace")
