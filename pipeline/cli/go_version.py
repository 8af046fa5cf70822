"""`kms-e2e go-version`: which Go builds the plugin, and why."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import typer

from pipeline.core.go_explanation import describe
from pipeline.core.go_resolution import Resolution, resolve
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


def _as_json(resolution: Resolution) -> str:
    document = {
        "version": None if resolution.version is None else str(resolution.version),
        "mode": resolution.mode.value,
        "gotoolchain": resolution.gotoolchain,
        "source": resolution.source,
        "steps": [dataclasses.asdict(step) for step in resolution.steps],
    }
    return json.dumps(document, indent=2)
