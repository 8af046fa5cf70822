"""The options that say where the control plane comes from, shared by the commands that build one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from pipeline.core.kubernetes import MOCK_PLUGIN
from pipeline.errors import InputError
from pipeline.host.image_programs import is_image
from pipeline.host.kubernetes_sources import Folder, Image, KubernetesSource, Release, Tree
from pipeline.host.project import find_project, has_project
from pipeline.host.release_download import MIRROR

BINARIES_VARIABLE: Final = "KUBEBUILDER_ASSETS"

KubernetesOption = Annotated[
    str | None,
    typer.Option(
        help="Kubernetes version, such as 1.36 or 1.36.3, '' for none; the first of the configuration, else the newest."
    ),
]
TreeOption = Annotated[
    Path | None,
    typer.Option(
        "--kubernetes-source",
        metavar="DIR",
        help="Source tree of Kubernetes: its kube-apiserver as the tree is now, with the Go of its own scripts; its KMS"
        " mock is the plugin when nothing else is named.",
    ),
]
BinariesOption = Annotated[
    Path | None,
    typer.Option(
        "--kubernetes-binaries",
        metavar="PATH",
        help=f"Folder with kube-apiserver and etcd (${BINARIES_VARIABLE} when nothing else says what to run), or an "
        "image of kube-apiserver that was saved as a file.",
    ),
]
ReleaseOption = Annotated[
    bool,
    typer.Option(
        "--kubernetes-release",
        help="Take the official release binary of --kubernetes (any version), compared with its published digest.",
    ),
]
MirrorOption = Annotated[
    str, typer.Option("--kubernetes-mirror", metavar="URL", help="Where official releases are fetched from.")
]


@dataclass(frozen=True, slots=True)
class KubernetesChoice:
    """What the command line says about the control plane; see the options of the same names."""

    kubernetes: str | None = None
    tree: Path | None = None
    binaries: Path | None = None
    release: bool = False
    mirror: str = MIRROR

    def plugin(self, config: Path | None) -> Path | None:
        """Return where the plugin's configuration is: as given, the current folder's, else that of the tree's mock.

        None is left to `find_project`.
        """
        mock = self.tree / MOCK_PLUGIN if self.tree is not None else None
        if config is not None or mock is None or has_project(Path()) or not has_project(mock):
            return config
        return mock

    @property
    def named(self) -> tuple[str, ...]:
        """Return the options that name a control plane, at most one when they can be used."""
        given = {
            "--kubernetes-source": self.tree,
            "--kubernetes-binaries": self.binaries,
            "--kubernetes": self.kubernetes,
        }
        return tuple(name for name, value in given.items() if value is not None)

    def offered(self, components: Iterable[str]) -> tuple[str, ...]:
        """Return those programs that the control plane's place gives; what runs the others is not run."""
        source = self.source(os.environ)
        return tuple(name for name in components if source is None or source.offers(name))

    def source(self, environment: Mapping[str, str]) -> KubernetesSource | None:
        """Return the place that is meant, None for pinned Go modules.

        Raises: InputError when two places are named, or a release without its version.
        """
        if len(self.named) > 1:
            raise InputError("two control planes are named", seen=" and ".join(self.named), next_step="leave one out")
        if self.release:
            if not self.kubernetes:
                raise InputError(
                    "--kubernetes-release needs a version",
                    seen=self.named[0] if self.named else "none",
                    wanted="--kubernetes with a line such as 1.36 or a version such as 1.36.3",
                )
            return Release(self.kubernetes, self.mirror.rstrip("/"))
        if self.tree is not None:
            return Tree(self.tree)
        found = self.binaries or self.inherited(environment)
        if not found:
            return None
        return Image(Path(found)) if is_image(Path(found)) else Folder(Path(found))

    def inherited(self, environment: Mapping[str, str]) -> Path | None:
        """Return the folder that the environment names, when nothing else says what to run."""
        found = "" if self.named or self.release else environment.get(BINARIES_VARIABLE, "")
        return Path(found) if found else None

    def settled(self, config: Path | None) -> KubernetesChoice:
        """Return the choice with the first version that the plugin's configuration names, when none was given.

        Raises: InputError when the configuration cannot be used.
        """
        if self.named or self.release:
            return self
        versions = find_project(self.plugin(config)).config.kubernetes
        if len(versions) > 1:
            more = ", ".join(versions[1:])
            typer.echo(f"Kubernetes {versions[0]}, the first configured; `kms-e2e matrix` runs {more} too", err=True)
        return replace(self, kubernetes=versions[0]) if versions else self
