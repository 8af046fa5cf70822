"""Where a control plane comes from: pinned Go modules, a source tree, official release binaries, or a folder."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from pipeline.core.components import COMPONENTS
from pipeline.core.kubernetes import DEFAULT_RELEASE, find_release
from pipeline.errors import InputError
from pipeline.host.compile import Builder, Job
from pipeline.host.jobs import control_plane_jobs, etcd_job, host_platform
from pipeline.host.kubernetes_image import take_api_server
from pipeline.host.kubernetes_tree import has_program, read_tree, tree_job
from pipeline.host.parts import Copy
from pipeline.host.release_download import fetch_release
from pipeline.host.source import file_digest

API_SERVER: Final = "kube-apiserver"
_SAID: Final = re.compile(r"Kubernetes (v\d+\.\d+\.\d+\S*)")
_FOLDER_PROGRAMS: Final = (API_SERVER, "etcd", "kubectl")
_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class ControlPlaneInput:
    """What a control plane is made of: what is compiled, and what is taken as it is.

    `version` is kube-apiserver's, such as `v1.37.2`; `origin` goes into provenance.json.
    """

    version: str
    jobs: tuple[Job, ...]
    taken: tuple[Copy, ...] = ()
    origin: Mapping[str, str] = field(default_factory=dict)

    @property
    def artifacts(self) -> tuple[dict[str, str], ...]:
        """Return the entries of provenance.json for what is taken as it is."""
        return tuple(
            {
                "name": part.name,
                "sha256": file_digest(part.source),
                "version": self.version if part.name == API_SERVER else "",
            }
            for part in self.taken
        )


class KubernetesSource(Protocol):
    """A place that a control plane comes from."""

    def offers(self, component: str) -> bool:
        """Tell whether it gives a program of Kubernetes beside kube-apiserver, such as kube-controller-manager."""

    def prepare(self, builder: Builder, components: Sequence[str]) -> ControlPlaneInput:
        """Return what has to be compiled and taken; `components` are programs of Kubernetes beside kube-apiserver.

        Raises: KmsE2EError when it cannot be used.
        """


@dataclass(frozen=True, slots=True)
class Modules:
    """A supported release from its pinned Go modules: a line (`1.37`) or an exact version."""

    version: str

    def offers(self, component: str) -> bool:
        """Tell whether the plan can build it."""
        return component in COMPONENTS

    def prepare(self, builder: Builder, components: Sequence[str]) -> ControlPlaneInput:  # noqa: ARG002 - the protocol's
        """Return the jobs of the release.

        Raises: InputError when it is not supported.
        """
        release = find_release(self.version)
        jobs = control_plane_jobs(release, more=components)
        return ControlPlaneInput(release.git_version, jobs, origin={"kind": "Go modules"})


@dataclass(frozen=True, slots=True)
class Tree:
    """A source tree of Kubernetes, as it is, changes included; etcd is ours."""

    root: Path

    def offers(self, component: str) -> bool:
        """Tell whether the tree has its main package."""
        return has_program(self.root, component)

    def prepare(self, builder: Builder, components: Sequence[str]) -> ControlPlaneInput:
        """Return the job of the tree's kube-apiserver and `components`, after its own scripts agreed on the Go.

        Raises: InputError when it is no such tree; BuildError when its scripts select another Go.
        """
        tree = read_tree(self.root)
        _refuse_components([name for name in components if not self.offers(name)], "this source tree")
        job, resolution = tree_job(tree, builder, components)
        origin = {"kind": "source tree", "commit": tree.commit, "state": tree.state, "go_version": resolution.source}
        if tree.reason:
            origin["state_reason"] = tree.reason
        return ControlPlaneInput(tree.version, (etcd_job(), job), origin={**origin, "source_sha256": job.digest()})


@dataclass(frozen=True, slots=True)
class Release:
    """An official release binary, compared with its published digest; etcd is ours.

    `mirror` is the address of the folder with the releases.
    """

    version: str
    mirror: str

    def offers(self, component: str) -> bool:  # noqa: ARG002 - the protocol's
        """Offer nothing beside kube-apiserver."""
        return False

    def prepare(self, builder: Builder, components: Sequence[str]) -> ControlPlaneInput:
        """Fetch kube-apiserver, unless it is in the cache.

        Raises: InputError when there is no such release; MachineError when it cannot be fetched or has other bytes.
        """
        _refuse_components(components, "official release binaries")
        found = fetch_release(self.mirror, self.version, host_platform(), builder.paths)
        origin = {"kind": "official release", "address": found.address, found.algorithm: found.digest}
        return ControlPlaneInput(found.version, (etcd_job(),), (Copy(found.path, API_SERVER),), origin)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with kube-apiserver and etcd, as `setup-envtest` makes it (KUBEBUILDER_ASSETS)."""

    folder: Path

    def offers(self, component: str) -> bool:
        """Tell whether the folder has it."""
        return (self.folder / component).is_file()

    def prepare(self, builder: Builder, components: Sequence[str]) -> ControlPlaneInput:  # noqa: ARG002 - the protocol's
        """Return its programs; what it lacks of etcd's is built.

        Raises: InputError when it has no kube-apiserver that starts here.
        """
        _refuse_components([name for name in components if not self.offers(name)], "this folder")
        version = _version_of(self.folder / API_SERVER)
        names = [*_FOLDER_PROGRAMS, *components]
        taken = tuple(Copy(self.folder / name, name) for name in names if (self.folder / name).is_file())
        return ControlPlaneInput(version, (etcd_job(),), taken, {"kind": "folder"})


@dataclass(frozen=True, slots=True)
class Image:
    """An image of kube-apiserver, as `docker save` or an OCI layout; etcd is ours."""

    archive: Path

    def offers(self, component: str) -> bool:  # noqa: ARG002 - the protocol's
        """Offer nothing beside kube-apiserver."""
        return False

    def prepare(self, builder: Builder, components: Sequence[str]) -> ControlPlaneInput:
        """Take kube-apiserver out of the image, whose blobs are compared with their digests.

        Raises: InputError when it is no such image, or its program does not start here.
        """
        _refuse_components(components, "an image")
        program = take_api_server(self.archive, host_platform(), builder.paths)
        origin = {"kind": "container image", "archive_sha256": file_digest(self.archive)}
        return ControlPlaneInput(_version_of(program), (etcd_job(),), (Copy(program, API_SERVER),), origin)


def _refuse_components(components: Sequence[str], where: str) -> None:
    if components:
        raise InputError(
            f"{where} does not give these programs",
            seen=", ".join(components),
            wanted=f"a supported version, such as --kubernetes {DEFAULT_RELEASE.minor}",
            next_step="leave them out",
        )


def _version_of(program: Path) -> str:
    if not program.is_file() or not os.access(program, os.X_OK):
        raise InputError(
            "the folder has no kube-apiserver that can be started",
            seen="no such program",
            wanted="kube-apiserver and etcd",
            where=str(program),
            next_step="make it with `setup-envtest use -p path`, or name a version by --kubernetes",
        )
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        said = done.stdout + done.stderr
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    match = _SAID.search(said)
    if match is None:
        raise InputError(
            "kube-apiserver does not say its version",
            seen=said.strip()[:200] or "nothing",
            wanted="Kubernetes v1.37.2 or the like",
            where=f"{program} --version",
            next_step=f"take the binary for {host_platform()}",
        )
    return match[1]
