"""`kms-e2e scenarios`: the catalogue."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from pipeline.core.result import FAMILIES, Outcome, ScenarioResult
from pipeline.report.evidence import read_report

if TYPE_CHECKING:
    from pipeline.suite.collection import Collected
    from pipeline.suite.scenario import Scenario


class Form(StrEnum):
    """How the catalogue is printed."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


def scenarios(
    family: list[str] = typer.Option(
        [], "--family", help="Only these families: a letter or a name, such as A or wire."
    ),
    extra: list[Path] = typer.Option([], "--scenarios", help="Files with further scenarios."),
    form: Form = typer.Option(Form.TABLE, "--format", "-f", help="How to print it."),
    report: Path | None = typer.Option(None, "--report", help="Folder of a report: adds times and what was not run."),
) -> None:
    """List the scenarios: id, title, level with its source, subject, what it needs, and what makes it fail."""
    from pipeline.suite.collection import collect  # noqa: PLC0415 - other commands must not wait for pytest
    from pipeline.suite.selection import Selection  # noqa: PLC0415

    collected = collect(tuple(extra))
    chosen = Selection(families=tuple(family), soak=True).choose([item.entry for item in collected])
    items = [item for item in collected if item.entry in chosen]
    results = {result.id: result for result in read_report(report).scenarios} if report else {}
    if form is Form.JSON:
        print(json.dumps([dataclasses.asdict(item.entry) for item in items], indent=2, ensure_ascii=False))
    elif form is Form.MARKDOWN:
        print(markdown(items, results))
    else:
        Console().print(_table(chosen))


def markdown(items: Sequence[Collected], results: Mapping[str, ScenarioResult]) -> str:
    """Return the catalogue as a page, a table a family, with the times of a run where there is one."""
    lines = ["# Scenarios", "", f"{len(items)} scenarios. Made by `kms-e2e scenarios --format markdown --report DIR`."]
    for letter, name in FAMILIES.items():
        rows = [_markdown_row(item, results) for item in items if item.entry.family == letter]
        if rows:
            lines += ["", f"## {letter} {name}", "", "| id | what | level | proof | fails with | time |"]
            lines += ["|---|---|---|---|---|---|", *rows]
    known = {item.entry.id for item in items}
    absent = [result for result in results.values() if result.id not in known and result.outcome is Outcome.NOT_RUN]
    if absent:
        lines += ["", "## Checks of the checklist without a scenario", "", "| id | what | why |", "|---|---|---|"]
        lines += [f"| {result.id} | {_cell(result.title)} | {_cell(result.reason)} |" for result in absent]
    return "\n".join(lines)


def _markdown_row(item: Collected, results: Mapping[str, ScenarioResult]) -> str:
    entry, result = item.entry, results.get(item.entry.id)
    level = f"{entry.level} ({entry.subject}): {entry.source}" if entry.source else f"{entry.level} ({entry.subject})"
    time = "" if result is None else _markdown_time(result)
    return "| " + " | ".join(map(_cell, (entry.id, entry.title, level, entry.how, entry.twin.breaks, time))) + " |"


def _markdown_time(result: ScenarioResult) -> str:
    if result.outcome is Outcome.NOT_RUN:
        return f"not run: {result.reason}"
    took = f"{result.duration_s:.1f} s"
    return took if result.outcome is Outcome.PASSED else f"{result.outcome} after {took}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(entries: Sequence[Scenario]) -> Table:
    columns = ("id", "title", "level", "subject", "source", "hooks", "fails with")
    table = Table(*columns, title=f"{len(entries)} scenarios")
    for entry in entries:
        hooks = ", ".join(entry.hooks)
        table.add_row(entry.id, entry.title, entry.level, entry.subject, entry.source, hooks, entry.twin.breaks)
    return table
