"""The option --assets, and what happens without it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipeline.host.build import BuildRequest, build_assets
from pipeline.host.progress import terminal_progress

AssetsOption = Annotated[
    Path | None,
    typer.Option("--assets", help="Folder that `kms-e2e build` made; the reference plugin's is built without it."),
]


def ensure_assets(assets: Path | None, components: Sequence[str] = ()) -> Path:
    """Return a folder of binaries: the one given, else that of the reference plugin, built when it is not in the cache.

    `components` are programs of Kubernetes to build beside kube-apiserver; a given folder stays as it is.

    Raises: KmsE2EError when it cannot be built.
    """
    if assets is not None:
        return assets
    with terminal_progress() as progress:
        return build_assets(BuildRequest(components=tuple(components)), progress).folder
