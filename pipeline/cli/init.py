"""`kms-e2e init`: a first kms-e2e.toml for the plugin in a folder."""

from __future__ import annotations

from pathlib import Path

import typer

from pipeline.core.config import CONFIG_FILE, config_from_toml
from pipeline.core.config.schema import SCHEMA_FILE, json_schema
from pipeline.core.config.writing import first_config
from pipeline.errors import InputError
from pipeline.host.cache import write_atomically
from pipeline.host.look import look


def init(
    folder: Path = typer.Argument(Path(), help="Repository of the plugin; the current folder."),
    schema: bool = typer.Option(
        True, help=f"Write {SCHEMA_FILE} beside it, by which editors complete and check the keys."
    ),
    show: bool = typer.Option(False, "--print", help="Print it and write nothing."),
) -> None:
    """Write a first kms-e2e.toml by looking at go.mod, main packages and Dockerfiles. Nothing is run."""
    text = first_config(look(folder), f"./{SCHEMA_FILE}" if schema else None)
    config_from_toml(text)
    if show:
        typer.echo(text, nl=False)
        return
    path = folder / CONFIG_FILE
    if path.exists():
        raise InputError(
            "there is a configuration already",
            seen=str(path),
            next_step=f"edit it, or compare it with `kms-e2e init --print {folder}`",
        )
    write_atomically(path, text)
    if schema:
        write_atomically(folder / SCHEMA_FILE, json_schema())
    typer.echo(f"wrote {path}\n\n{text}\ncheck it, then: kms-e2e run --config {folder}")
