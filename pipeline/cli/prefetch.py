"""`kms-e2e prefetch`: what a build needs from the network, so that it can go without."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import typer

from pipeline.cli.assets import ConfigOption, project_at
from pipeline.cli.module_options import GoProxyOption, GoSumDatabaseOption
from pipeline.core.components import COMPONENTS
from pipeline.host.build import Planned, request_for
from pipeline.host.build import prefetch as fetch
from pipeline.host.module_proxy import ModuleProxy
from pipeline.host.progress_bar import terminal_progress


def prefetch(
    config: ConfigOption = None,
    kubernetes: str | None = typer.Option(
        None, help="Kubernetes version, such as 1.37; '' for none; the first of the configuration, else the newest."
    ),
    component: list[str] = typer.Option(
        ["kube-controller-manager"],
        help=f"Program that a run builds besides: {', '.join(COMPONENTS)}. May be given again.",
    ),
    go_version: str | None = typer.Option(
        None, help="Go version of the plugin, stronger than GOTOOLCHAIN and .go-version."
    ),
    goproxy: GoProxyOption = None,
    gosumdb: GoSumDatabaseOption = None,
) -> None:
    """Fetch the Go toolchains and modules of a build into the cache; afterwards it works without a network."""
    request = request_for(project_at(config))
    request = dataclasses.replace(
        request,
        kubernetes=request.kubernetes if kubernetes is None else kubernetes or None,
        components=tuple(component),
        go_version=go_version,
        proxy=ModuleProxy(goproxy, gosumdb),
    )
    with terminal_progress() as progress:
        planned = fetch(request, progress)
    typer.echo(_summary(planned))


def _summary(planned: Sequence[Planned]) -> str:
    rows = [f"  {job.build.label:<12} {job.go.version}, modules of {job.folder}" for one in planned for job in one.jobs]
    where = f"fetched into {planned[0].builder.paths.modules}"
    return "\n".join([where, *rows, "without a network from now on: GOPROXY=off kms-e2e build, or run"])
