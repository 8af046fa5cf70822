"""`kms-e2e build`: everything that a run needs, as a folder of binaries."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import typer

from pipeline.cli.assets import ConfigOption
from pipeline.core.components import COMPONENTS
from pipeline.host.build import Assets, build_assets, request_for
from pipeline.host.progress import terminal_progress
from pipeline.host.project import find_project


def build(
    config: ConfigOption = None,
    kubernetes: str | None = typer.Option(
        None,
        help="Kubernetes version, such as 1.37; '' for none; the first of the configuration, else the newest.",
    ),
    component: list[str] = typer.Option(
        [], help=f"Program of Kubernetes to build too: {', '.join(COMPONENTS)}. May be given again."
    ),
    go_version: str | None = typer.Option(
        None, help="Go version of the plugin, stronger than GOTOOLCHAIN and .go-version."
    ),
    output: Path | None = typer.Option(None, "--output", "-o", help="Folder for the binaries; one in the cache."),
) -> None:
    """Build plugin, kube-apiserver and etcd with the right Go, or take them from the cache."""
    request = request_for(find_project(config))
    request = dataclasses.replace(
        request,
        kubernetes=request.kubernetes if kubernetes is None else kubernetes or None,
        components=tuple(component),
        output=output,
        go_version=go_version,
    )
    with terminal_progress() as progress:
        assets = build_assets(request, progress)
    typer.echo(summary(assets))


def summary(assets: Assets) -> str:
    """Return what is in an assets folder, a line a binary."""
    rows = [
        f"  {built.main.name:<24} {built.main.version:<8} {built.entry.go_version:<10} "
        f"{built.entry.size_bytes / 1e6:>6.1f} MB  {'compiled' if built.compiled else 'from the cache'}"
        for built in assets.binaries
    ]
    chosen = f"  Go of the plugin: {assets.go_version}, from {assets.go_version_source}" if assets.resolution else ""
    return "\n".join(filter(None, [str(assets.folder), *rows, chosen]))
