"""`kms-e2e go-version`: which Go builds the plugin, and why."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import typer

from pipeline.cli.audit_output import table
from pipeline.cli.changes import write_changes
from pipeline.core.build_plan import PluginSource
from pipeline.core.go_explanation import describe
from pipeline.core.go_resolution import Resolution, VersionFile, resolve
from pipeline.core.go_version import parse_go_version
from pipeline.errors import EXIT_SUITE_FAILED, InputError
from pipeline.host.audit import audit_tree
from pipeline.host.audit_fix import plan_bump
from pipeline.host.environment import settings_not_passed
from pipeline.host.module_proxy import refusals
from pipeline.host.project import find_project, has_project
from pipeline.host.source import find_version_file


def go_version(
    source: Path | None = typer.Option(
        None, help="Source tree with .go-version; the current folder, else the reference plugin's."
    ),
    option: str | None = typer.Option(
        None, "--go-version", help="Stronger than GOTOOLCHAIN, GO_VERSION and .go-version."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print it as JSON."),
    new: str | None = typer.Option(
        None,
        "--set",
        metavar="VERSION",
        help="Change .go-version, and all the audit can correct, in --source or the current folder; shown first.",
    ),
    yes: bool = typer.Option(False, "--yes", "-y", help="With --set: do not ask before writing."),
) -> None:
    """Say which Go version builds the plugin, which input named it and why the others did not.

    Named too: settings of the environment that builds do not see, and those with which no build begins.
    """
    if new is not None:
        if option is not None or as_json:
            raise InputError("--set goes with --source and --yes only", next_step="leave --go-version and --json out")
        _bump(source if source is not None else Path(), new, yes=yes)
        return
    resolution = resolve(os.environ, _version_file(source), option=option)
    typer.echo(_as_json(resolution) if as_json else describe(resolution))
    if not as_json:
        for setting in settings_not_passed(os.environ):
            typer.echo(f"  not passed to builds: {setting}")
        for refusal in refusals(os.environ):
            typer.echo(f"  refused by builds: {refusal.setting}: {refusal.reason}")


def _version_file(source: Path | None) -> VersionFile:
    """Return what a build would read: of a folder that is named or is a Go project, else of the configured plugin."""
    if source is not None and not source.is_dir():
        raise InputError("there is no such folder", seen=str(source), where="--source", next_step="name a folder")
    here = (source or Path()).absolute()
    found = find_version_file(here, here)
    if source is not None or (found.named and not has_project(here)):
        return found
    project = find_project(None)
    return find_version_file(project.root, project.root / (project.config.go or PluginSource()).module)


def _bump(root: Path, text: str, *, yes: bool) -> None:
    """Change the version in force; exit code 1 when a mention is left that differs from it or nothing was written."""
    version = parse_go_version(text.encode(errors="surrogateescape"), where="--set")
    changes = plan_bump(root, version)
    if changes and not write_changes(root, changes, yes=yes):
        raise typer.Exit(EXIT_SUITE_FAILED)
    if not changes:
        typer.echo(f"nothing to change: all that is known names Go {version}", err=True)
    found = audit_tree(root)
    table(found)
    if not found.clean:
        raise typer.Exit(EXIT_SUITE_FAILED)


def _as_json(resolution: Resolution) -> str:
    document = {
        "version": None if resolution.version is None else str(resolution.version),
        "mode": resolution.mode.value,
        "gotoolchain": resolution.gotoolchain,
        "source": resolution.source,
        "not_passed": list(settings_not_passed(os.environ)),
        "refused": [dataclasses.asdict(refusal) for refusal in refusals(os.environ)],
        "steps": [dataclasses.asdict(step) for step in resolution.steps],
    }
    return json.dumps(document, indent=2)
