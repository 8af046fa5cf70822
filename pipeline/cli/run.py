"""`kms-e2e run`: the main job."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from pipeline.cli.assets import AssetsOption, ensure_assets


def default_report() -> Path:
    """Return `$ARTIFACTS` (Prow's name), else `_artifacts`."""
    return Path(os.environ.get("ARTIFACTS") or "_artifacts")


def run(
    assets: AssetsOption = None,
    report: Path = typer.Option(
        default_report, "--report", help="Folder for the evidence ($ARTIFACTS, else _artifacts)."
    ),
    ids: list[str] = typer.Option([], "--id", help="Only this scenario, such as A05. May be given again."),
    family: list[str] = typer.Option([], "--family", help="Only this family, such as A or wire. May be given again."),
    focus: str = typer.Option("", help="Only scenarios whose id or title matches this regular expression."),
    skip: str = typer.Option("", help="No scenario whose id or title matches this regular expression."),
    fast: bool = typer.Option(False, "--fast", help="Leave out what waits for intervals compiled into kube-apiserver."),
    soak: bool = typer.Option(False, "--soak", help="Take in scenarios that run for minutes on purpose."),
    parallel: int = typer.Option(
        0, min=0, help="Number of busy workers; 0: two a processor. Scenarios that only wait have further ones."
    ),
    shard: str = typer.Option("1/1", metavar="K/N", help="Part K of N of the scenarios."),
    run_id: str = typer.Option("", help="Name of this run; empty: a random one."),
    extra: list[Path] = typer.Option([], "--scenarios", help="File with further scenarios. May be given again."),
) -> None:
    """Build plugin, kube-apiserver and etcd with the right Go, run the suite, and write the report."""
    from pipeline.suite.__main__ import main  # noqa: PLC0415 - a wrong option must not wait for gRPC and pytest

    arguments = ["--assets", str(ensure_assets(assets)), "--report", str(report), "--shard", shard]
    arguments += ["--parallel", str(parallel), "--run-id", run_id, "--focus", focus, "--skip", skip]
    arguments += ["--fast"] if fast else []
    arguments += ["--soak"] if soak else []
    for option, values in (("--id", ids), ("--family", family), ("--scenarios", list(map(str, extra)))):
        arguments += [option, *values] if values else []
    raise typer.Exit(main(arguments))
