"""`kms-e2e doctor`: what is missing, and the next step."""

from __future__ import annotations

import os

import typer

from pipeline.errors import EXIT_WRONG_INPUT
from pipeline.host.doctor import Finding, State, examine

_COLOURS = {State.OK: typer.colors.GREEN, State.WARNING: typer.colors.YELLOW, State.MISSING: typer.colors.RED}


def doctor(
    network: bool = typer.Option(True, "--network/--no-network", help="Try the module proxy too."),
) -> None:
    """Say what this machine lacks for a run and what to do about it; exit code 2 when a run cannot work."""
    missing = 0
    for finding in examine(os.environ, network=network):
        missing += finding.state is State.MISSING
        _show(finding)
    if missing:
        typer.echo(f"{missing} missing: a run cannot work before that is mended")
        raise typer.Exit(EXIT_WRONG_INPUT)
    typer.echo("a run can work here: make e2e, or kms-e2e run")


def _show(finding: Finding) -> None:
    state = typer.style(f"{finding.state:<8}", fg=_COLOURS[finding.state])
    typer.echo(f"{state} {finding.name:<14} {finding.seen}")
    if finding.next_step:
        typer.echo(f"{'':<24}next: {finding.next_step}")
