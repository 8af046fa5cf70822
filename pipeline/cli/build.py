"""`kms-e2e build`: everything that a run needs, as a folder of binaries."""

from __future__ import annotations

import shlex
from pathlib import Path

import typer

from pipeline.core.build_plan import MORE_COMPONENTS, PluginSource
from pipeline.core.kubernetes import DEFAULT_RELEASE
from pipeline.core.plugin_spec import PluginSpec, plugin_spec_from_json
from pipeline.errors import InputError
from pipeline.host.build import Assets, BuildRequest, build_assets
from pipeline.host.progress import terminal_progress


def build(
    source: Path | None = typer.Option(None, help="Source tree of the plugin, with .go-version; the reference plugin."),
    module: str = typer.Option(
        ".", help="Folder of go.mod in the source; found above the package when it is not there."
    ),
    package: str = typer.Option(".", help="Folder of the plugin's main package in its module, such as ./cmd/plugin."),
    plugin: Path | None = typer.Option(None, "--plugin", help="plugin.json: how to run the plugin that is built."),
    tags: str = typer.Option("", help="Build tags of the plugin, separated by commas."),
    ldflags: str = typer.Option("", help="Linker flags of the plugin, such as '-X main.version=v1.2.3'."),
    cgo: bool = typer.Option(False, "--cgo", help="Build the plugin with cgo; needs a C compiler."),
    kubernetes: str = typer.Option(DEFAULT_RELEASE.minor, help="Kubernetes version, such as 1.37; '' for none."),
    component: list[str] = typer.Option(
        [], help=f"Program of Kubernetes to build too: {', '.join(MORE_COMPONENTS)}. May be given again."
    ),
    go_version: str | None = typer.Option(
        None, help="Go version of the plugin, stronger than GOTOOLCHAIN and .go-version."
    ),
    output: Path | None = typer.Option(None, "--output", "-o", help="Folder for the binaries; one in the cache."),
) -> None:
    """Build plugin, kube-apiserver and etcd with the right Go, or take them from the cache."""
    request = BuildRequest(
        source=source,
        plugin=PluginSource(module, package, tuple(filter(None, tags.split(","))), tuple(_words(ldflags)), cgo),
        spec=read_plugin_spec(plugin) if plugin else None,
        kubernetes=kubernetes or None,
        components=tuple(component),
        output=output,
        go_version=go_version,
    )
    with terminal_progress() as progress:
        assets = build_assets(request, progress)
    typer.echo(summary(assets))


def read_plugin_spec(path: Path) -> PluginSpec:
    """Read a plugin.json.

    Raises: InputError when it cannot be read or is no specification.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise InputError("the plugin's description cannot be read", seen=str(error), where=str(path)) from error
    return plugin_spec_from_json(text, where=str(path))


def summary(assets: Assets) -> str:
    """Return what is in an assets folder, a line a binary."""
    rows = [
        f"  {built.main.name:<24} {built.main.version:<8} {built.entry.go_version:<10} "
        f"{built.entry.size_bytes / 1e6:>6.1f} MB  {'compiled' if built.compiled else 'from the cache'}"
        for built in assets.binaries
    ]
    chosen = f"  Go of the plugin: {assets.go_version}, from {assets.go_version_source}" if assets.resolution else ""
    return "\n".join(filter(None, [str(assets.folder), *rows, chosen]))


def _words(flags: str) -> list[str]:
    try:
        return shlex.split(flags)
    except ValueError as error:
        raise InputError("the linker flags cannot be read", seen=flags, where="--ldflags") from error
