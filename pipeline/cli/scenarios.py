"""`kms-e2e scenarios`: the catalogue."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from pipeline.suite.collection import collect
from pipeline.suite.scenario import Scenario
from pipeline.suite.selection import Selection


def scenarios(
    family: list[str] = typer.Option(
        [], "--family", help="Only these families: a letter or a name, such as A or wire."
    ),
    extra: list[Path] = typer.Option([], "--scenarios", help="Files with further scenarios."),
    as_json: bool = typer.Option(False, "--json", help="Print the catalogue as JSON."),
) -> None:
    """List the scenarios: id, title, level with its source, subject, what it needs, and what makes it fail."""
    entries = [item.entry for item in collect(tuple(extra))]
    chosen = Selection(families=tuple(family), soak=True).choose(entries)
    if as_json:
        print(json.dumps([dataclasses.asdict(entry) for entry in chosen], indent=2, ensure_ascii=False))
        return
    table = Table("id", "title", "level", "subject", "source", "hooks", "fails with", title=f"{len(chosen)} scenarios")
    for entry in chosen:
        table.add_row(*_row(entry))
    Console().print(table)


def _row(entry: Scenario) -> tuple[str, ...]:
    return (
        entry.id,
        entry.title,
        entry.level,
        entry.subject,
        entry.source,
        ", ".join(entry.hooks),
        entry.twin.breaks,
    )
