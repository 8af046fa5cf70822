"""report.html: one file that a person opens, without a server and without a network."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from pathlib import Path
from typing import Final

import jinja2

from pipeline.core.result import RunReport
from pipeline.report import figures, files
from pipeline.report.page import page_of
from pipeline.report.plots import CALLS_HEIGHT, STRIP_HEIGHT

_PACKAGE: Final = "pipeline.report"


def report_html(folder: Path, run: RunReport) -> bytes:
    """Return the page for a run, with the logs of `folder`: the same bytes for the same evidence."""
    script = _source("script.js")
    return _rendered(
        "report.html.j2",
        page=page_of(folder, run),
        script=script,
        # Only this script may run, and nothing may be loaded: what a log holds can do neither.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        strip_height=STRIP_HEIGHT,
        calls_height=CALLS_HEIGHT,
    )


def matrix_html(matrix: object) -> bytes:
    """Return the page for a matrix of runs, which links the reports of its cells."""
    return _rendered("matrix.html.j2", matrix=matrix)


def _rendered(template: str, **values: object) -> bytes:
    text = _environment().get_template(template).render(style=_source("style.css"), **values)
    return text.encode("utf-8", errors="replace")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(duration=figures.duration, moment=figures.moment, size=figures.size)
    environment.globals.update(offset=figures.offset, files=files)
    return environment


def _source(name: str) -> str:
    return resources.files(_PACKAGE).joinpath("templates", name).read_text(encoding="utf-8")
