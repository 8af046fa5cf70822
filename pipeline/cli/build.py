"""`kms-e2e build`: everything that a run needs, as a folder of binaries."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path

import typer

from pipeline.cli.assets import ConfigOption, chosen_go, project_at, with_choice
from pipeline.cli.kubernetes_options import (
    BINARIES_VARIABLE,
    BinariesOption,
    KubernetesChoice,
    KubernetesOption,
    MirrorOption,
    ReleaseOption,
    TreeOption,
)
from pipeline.cli.module_options import GoProxyOption, GoSumDatabaseOption
from pipeline.core.architectures import EMULATORS
from pipeline.core.components import COMPONENTS
from pipeline.errors import EXIT_SUITE_FAILED, InputError
from pipeline.host.build import Assets, assets_of, build_assets, plan, request_for, with_second
from pipeline.host.module_proxy import ModuleProxy
from pipeline.host.progress_bar import terminal_progress
from pipeline.host.release_download import MIRROR
from pipeline.host.reproduce import Comparison, rebuild


def build(
    config: ConfigOption = None,
    kubernetes: KubernetesOption = None,
    tree: TreeOption = None,
    binaries: BinariesOption = None,
    release: ReleaseOption = False,
    mirror: MirrorOption = MIRROR,
    component: list[str] = typer.Option(
        [], help=f"Program of Kubernetes to build too: {', '.join(COMPONENTS)}. May be given again."
    ),
    go_version: str | None = typer.Option(
        None, help="Go version of the plugin, stronger than GOTOOLCHAIN and .go-version."
    ),
    goproxy: GoProxyOption = None,
    gosumdb: GoSumDatabaseOption = None,
    other_architecture: str = typer.Option(
        "",
        metavar="ARCH",
        help=f"Build the plugin for this architecture too ({', '.join(EMULATORS)}); scenario F62 runs it by qemu-user.",
    ),
    verify: bool = typer.Option(
        False,
        "--verify",
        help="Build all again elsewhere, with another user's environment, and compare; exit code 1 if unequal.",
    ),
    output: Path | None = typer.Option(None, "--output", "-o", help="Folder for the binaries; one in the cache."),
) -> None:
    """Build plugin, kube-apiserver and etcd with the right Go, or take them from the cache."""
    choice = KubernetesChoice(kubernetes, tree, binaries, release, mirror)
    request = with_choice(request_for(project_at(choice.plugin(config))), choice.settled(config))
    request = dataclasses.replace(
        request,
        components=tuple(component),
        other_architecture=known_architecture(other_architecture),
        output=output,
        go_version=go_version,
        proxy=ModuleProxy(goproxy, gosumdb),
    )
    compared: list[Comparison] = []
    with terminal_progress() as progress:
        assets = build_assets(request, progress)
        for one in with_second(request) if verify else ():
            planned = plan(one, progress)
            compared += rebuild(planned, assets_of(planned, one))
    typer.echo(summary(assets))
    if compared:
        typer.echo(comparison(compared))
    if not all(item.same for item in compared):
        raise typer.Exit(EXIT_SUITE_FAILED)


def known_architecture(name: str) -> str:
    """Return an architecture that a plugin can be built for and emulated; empty for none.

    Raises: InputError for another one.
    """
    if name and name not in EMULATORS:
        raise InputError("no such architecture", seen=name, wanted=", ".join(EMULATORS), where="--other-architecture")
    return name


def comparison(compared: Sequence[Comparison]) -> str:
    """Return what a second build gave, a line a binary and two more for a difference."""
    rows = []
    for item in compared:
        outcome = "same bytes" if item.same else "NOT REPRODUCED"
        rows.append(f"  {item.name:<24} {outcome}: sha256 {item.first}, built again in {item.folder}")
        if not item.same:
            rows += [f"    second: sha256 {item.second}", f"    they differ {item.difference}"]
    return "\n".join(rows)


def summary(assets: Assets) -> str:
    """Return what is in an assets folder, a line a binary."""
    rows = [
        f"  {built.main.placed_as:<24} {built.main.version:<8} {built.entry.go_version:<10} "
        f"{built.entry.size_bytes / 1e6:>6.1f} MB  {'compiled' if built.compiled else 'from the cache'}"
        for built in assets.binaries
    ]
    kms = f"  k8s.io/kms of the plugin: {assets.kms_version}" if assets.kms_version else ""
    chosen = f"  {chosen_go(assets)}" if assets.resolution else ""
    envtest = f"  export {BINARIES_VARIABLE}={shlex.quote(str(assets.folder))}" if assets.kubernetes else ""
    return "\n".join(filter(None, [str(assets.folder), *rows, chosen, kms, envtest]))
