"""The options --assets and --config, and what happens without them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.kubernetes_options import BINARIES_VARIABLE, KubernetesChoice
from pipeline.core.config import CONFIG_FILE
from pipeline.errors import InputError
from pipeline.host.build import Assets, BuildRequest, build_assets, request_for
from pipeline.host.module_proxy import ModuleProxy
from pipeline.host.progress_bar import terminal_progress
from pipeline.host.project import Project, find_project

AssetsOption = Annotated[
    Path | None, typer.Option("--assets", help="Folder that `kms-e2e build` made; built or taken from the cache.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="PATH",
        help="kms-e2e.toml of the plugin, or its folder; the current folder's, else the reference plugin's.",
    ),
]


def project_at(place: Path | None) -> Project:
    """Return the project at `place`, as `find_project` does, and say on standard error when it is not the folder's own.

    Raises: InputError when there is no configuration at `place`, or it cannot be used.
    """
    project = find_project(place)
    here = Path().absolute()
    if place is None and project.root != here:
        typer.echo(
            f"no {CONFIG_FILE} in {here}: this is about the reference plugin; `kms-e2e init` describes another",
            err=True,
        )
    elif project.file.absolute().parent != project.root:
        typer.echo(f"the plugin is the KMS mock in {project.root}, run as {project.file} says", err=True)
    return project


def ensure_assets(
    assets: Path | None,
    config: Path | None = None,
    components: Sequence[str] = (),
    *,
    choice: KubernetesChoice | None = None,
    proxy: ModuleProxy | None = None,
) -> Path:
    """Return a folder of binaries: the one given, else that of a configured plugin, built when it is not in the cache.

    `components` are programs of Kubernetes to build beside kube-apiserver, `choice` which Kubernetes, `proxy` where
    modules come from; a given folder stays as it is.

    Raises: KmsE2EError when it cannot be built.
    """
    choice, proxy = choice or KubernetesChoice(), proxy or ModuleProxy()
    if assets is not None:
        _refuse_beside_assets(assets, config, choice, proxy)
        return assets
    request = with_choice(request_for(project_at(choice.plugin(config))), choice.settled(config))
    with terminal_progress() as progress:
        request = dataclasses.replace(request, components=tuple(components), proxy=proxy)
        built = build_assets(request, progress)
    if built.resolution:
        typer.echo(chosen_go(built))
    return built.folder


def chosen_go(built: Assets) -> str:
    """Return which Go the plugin was built with, what named it, and where that stands."""
    return f"Go of the plugin: {built.go_version}, from {built.go_version_source}"


def with_choice(request: BuildRequest, choice: KubernetesChoice) -> BuildRequest:
    """Return a request with the control plane of the command line; an empty version asks for none.

    Raises: InputError when the command line names two.
    """
    kubernetes = request.kubernetes if choice.kubernetes is None else choice.kubernetes or None
    if inherited := choice.inherited(request.environment):
        typer.echo(f"kube-apiserver and etcd are those of {inherited}, from {BINARIES_VARIABLE}", err=True)
    return dataclasses.replace(request, kubernetes=kubernetes, kubernetes_source=choice.source(request.environment))


def _refuse_beside_assets(assets: Path, config: Path | None, choice: KubernetesChoice, proxy: ModuleProxy) -> None:
    if config is not None:
        raise InputError(
            "--assets and --config name two plugins",
            seen=f"{assets} and {config}",
            next_step="leave one out: a folder that `kms-e2e build` made holds how its plugin runs",
        )
    if choice.named:
        raise InputError(
            f"--assets and {choice.named[0]} name two control planes",
            seen=str(assets),
            next_step="leave one out: a folder that `kms-e2e build` made holds its kube-apiserver",
        )
    if proxy.given:
        raise InputError(
            f"--assets builds nothing, so {next(iter(proxy.given))} has no use",
            seen=str(assets),
            next_step="leave one out: modules are fetched by a build only",
        )
