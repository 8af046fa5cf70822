"""`kms-e2e audit`: every place in a repository that names a Go version, against the one in force."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import typer

from pipeline import __version__
from pipeline.cli.audit_output import table, to_junit
from pipeline.cli.changes import write_changes
from pipeline.core.drift.audit import Audit
from pipeline.core.drift.formats import to_annotations, to_json, to_sarif
from pipeline.errors import EXIT_SUITE_FAILED, MachineError
from pipeline.host.audit import audit_tree
from pipeline.host.audit_fix import plan_changes, plan_version_file


class Format(StrEnum):
    """How the audit is written."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    JUNIT = "junit"


def audit(
    path: Path = typer.Argument(Path(), help="The repository."),
    form: Format = typer.Option(Format.TABLE, "--format", "-f", help="How to write it."),
    output: Path | None = typer.Option(None, "--output", "-o", help="File to write it to; standard output."),
    fix: bool = typer.Option(False, "--fix", help="Show the corrections as a diff, ask, and write them."),
    create: bool = typer.Option(False, "--create", help="Write .go-version with the version in force; shown first."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask before writing."),
) -> None:
    """Find every Go version that a repository names and compare it with .go-version; exit code 1 on drift."""
    found = audit_tree(path)
    changes = [plan_version_file(path, found)] if create else []
    if fix:
        changes += plan_changes(path, found.findings)
    if changes and write_changes(path, changes, yes=yes):
        found = audit_tree(path)
    _emit(found, form, output)
    if not found.clean:
        raise typer.Exit(EXIT_SUITE_FAILED)


def _emit(found: Audit, form: Format, output: Path | None) -> None:
    if form is Format.TABLE and output is None:
        table(found)
        return
    text = {
        Format.TABLE: lambda: table(found, to_text=True),
        Format.JSON: lambda: to_json(found),
        Format.SARIF: lambda: to_sarif(found, __version__),
        Format.GITHUB: lambda: to_annotations(found.findings),
        Format.JUNIT: lambda: to_junit(found),
    }[form]()
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MachineError("the audit could not be written", seen=str(error), where=str(output)) from error
