"""`kms-e2e go-version`: which Go builds the plugin, and why."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import typer

from pipeline.core.go_resolution import Outcome, Resolution, resolve
from pipeline.host.reference import reference_root
from pipeline.host.source import read_version_file


def go_version(
    source: Path | None = typer.Option(None, help="Source tree with .go-version; the reference plugin's."),
    option: str | None = typer.Option(
        None, "--go-version", help="Stronger than GOTOOLCHAIN, GO_VERSION and .go-version."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print it as JSON."),
) -> None:
    """Say which Go version builds the plugin, which input named it and why the others did not."""
    root = source if source is not None else reference_root()
    resolution = resolve(os.environ, read_version_file(root.absolute()), option=option)
    typer.echo(_as_json(resolution) if as_json else describe(resolution))


def describe(resolution: Resolution) -> str:
    """Return the answer, and below it every input, strongest first."""
    rows = [
        f"  {step.name:<14} {'-' if step.value is None else step.value:<18} {step.outcome:<8} {step.where}"
        + (f": {step.reason}" if step.reason else "")
        for step in resolution.steps
    ]
    return "\n".join([f"{_answer(resolution)}, from {resolution.source}", *rows])


def _answer(resolution: Resolution) -> str:
    if resolution.version is None:
        return "whatever Go the machine has"
    qualities = {Outcome.WANTED: f" (asserted: GOTOOLCHAIN={resolution.gotoolchain} must select it)"}
    asserted = any(step.outcome is Outcome.WANTED for step in resolution.steps)
    newer = (
        " or what go.mod asks for" if resolution.gotoolchain != resolution.version.toolchain and not asserted else ""
    )
    return f"{resolution.version.toolchain}{newer}{qualities[Outcome.WANTED] if asserted else ''}"


def _as_json(resolution: Resolution) -> str:
    document = {
        "version": None if resolution.version is None else str(resolution.version),
        "mode": resolution.mode.value,
        "gotoolchain": resolution.gotoolchain,
        "source": resolution.source,
        "steps": [dataclasses.asdict(step) for step in resolution.steps],
    }
    return json.dumps(document, indent=2)
