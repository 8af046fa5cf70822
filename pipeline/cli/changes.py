"""Changes of a user's files: shown first, written when the user agrees."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from pipeline.host.audit_fix import Change, apply_change


def write_changes(root: Path, changes: Sequence[Change], *, yes: bool) -> bool:
    """Show the changes on standard error and write them when the user agrees; tell whether they were written."""
    for change in changes:
        typer.echo(change.diff(), err=True, nl=False)
    if not yes and not sys.stdin.isatty():
        typer.echo("nothing was written: nobody to ask here; add --yes", err=True)
        return False
    if not yes and not typer.confirm(f"write {len(changes)} file(s)?", err=True):
        return False
    for change in changes:
        apply_change(root, change)
    return True
