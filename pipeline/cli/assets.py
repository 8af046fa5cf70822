"""The options --assets and --config, and what happens without them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import InputError
from pipeline.host.build import build_assets, request_for
from pipeline.host.progress import terminal_progress
from pipeline.host.project import find_project

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


def ensure_assets(assets: Path | None, config: Path | None = None, components: Sequence[str] = ()) -> Path:
    """Return a folder of binaries: the one given, else that of a configured plugin, built when it is not in the cache.

    `components` are programs of Kubernetes to build beside kube-apiserver; a given folder stays as it is.

    Raises: KmsE2EError when it cannot be built.
    """
    if assets is not None:
        if config is not None:
            raise InputError(
                "--assets and --config name two plugins",
                seen=f"{assets} and {config}",
                next_step="leave one out: a folder that `kms-e2e build` made holds how its plugin runs",
            )
        return assets
    request = dataclasses.replace(request_for(find_project(config)), components=tuple(components))
    with terminal_progress() as progress:
        return build_assets(request, progress).folder
