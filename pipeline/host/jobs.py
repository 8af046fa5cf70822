"""From a request to jobs: which Go builds what, in which folder."""

from __future__ import annotations

import platform as machine
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pipeline.core.build_plan import PLATFORMS, GoBuild, PluginSource, control_plane_plan, plugin_plan
from pipeline.core.go_resolution import Mode, Resolution
from pipeline.core.go_version import parse_go_version
from pipeline.core.kubernetes import DEFAULT_RELEASE, KubernetesRelease
from pipeline.errors import InputError, MachineError
from pipeline.host.bootstrap import bootstrap_go, machine_go, meets_floor
from pipeline.host.compile import Builder, Job
from pipeline.host.go import SelectedGo, asked_go, exact_go
from pipeline.host.project import reference_project
from pipeline.host.runs import run_folder
from pipeline.host.source import check_module

_PACKAGE: Final = Path(__file__).resolve().parent.parent
_SYSTEMS: Final = {"linux": "linux", "darwin": "darwin"}
_ARCHITECTURES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class PluginTree:
    """A plugin's source tree: the folder with `.go-version`, and where in it the main package is."""

    root: Path
    source: PluginSource = field(default_factory=PluginSource)

    @property
    def module(self) -> Path:
        """Return the folder of go.mod."""
        return self.root / self.source.module


def plugin_tree(root: Path | None, source: PluginSource) -> PluginTree:
    """Return the plugin's source tree, the reference plugin's for None; the module may lie above the package.

    Raises: InputError when the folder is none, or holds no Go module.
    """
    if root is None:
        project = reference_project()
        root, source = project.root, project.config.go or source
    if not root.is_dir():
        raise InputError("the plugin's source is not a folder", seen=str(root), next_step="name the source's folder")
    tree = PluginTree(root.absolute(), _nearest_module(root, source))
    check_module(tree.module)
    return tree


def host_platform() -> str:
    """Return this machine as `linux/amd64` and the like.

    Raises: MachineError on one that nothing can be built for.
    """
    architecture = machine.machine().lower()
    found = f"{_SYSTEMS.get(sys.platform, sys.platform)}/{_ARCHITECTURES.get(architecture, architecture)}"
    if found not in PLATFORMS:
        raise MachineError(
            "this machine is not supported",
            seen=found,
            wanted=", ".join(PLATFORMS),
            next_step="run it in a container, or on another machine",
        )
    return found


def plugin_job(builder: Builder, tree: PluginTree, resolution: Resolution, target: str = "") -> Job:
    """Return the job that builds the plugin, for this machine or another platform.

    Raises: InputError when another Go than wanted is selected, or a plugin that needs a C compiler is wanted for
    another platform.
    """
    if target and tree.source.cgo:
        raise InputError(
            "a plugin that needs cgo cannot be built for another architecture",
            seen=f"cgo, {target}",
            wanted="CGO_ENABLED=0",
            next_step="build and test it on a machine of that architecture",
        )
    go = select_go(builder, tree.module, resolution)
    return Job(plugin_plan(tree.source, go.toolchain), go, tree.module, host_platform(), target)


def control_plane_jobs(release: KubernetesRelease, *, more: Sequence[str] = ()) -> tuple[Job, ...]:
    """Return the jobs that build etcd, kube-apiserver and `more`, with the Go that the plan names.

    Raises: MachineError when the bootstrap Go cannot be used; InputError for a program that is not known.
    """
    builds = control_plane_plan(release, more=more)
    return tuple(_pinned_job(build) for build in builds)


def etcd_job() -> Job:
    """Return the job that builds etcd and etcdutl, which every Kubernetes version runs on.

    Raises: MachineError when the bootstrap Go cannot be used.
    """
    return _pinned_job(control_plane_plan(DEFAULT_RELEASE)[0])


def _pinned_job(build: GoBuild) -> Job:
    folder = _PACKAGE / build.module
    check_module(folder)
    version = parse_go_version(build.gotoolchain.encode(), where=build.label)
    go = exact_go(bootstrap_go(), version, f"the .go-version that belongs to {build.module}")
    return Job(build, go, folder, host_platform())


def select_go(builder: Builder, module: Path, resolution: Resolution) -> SelectedGo:
    """Return the Go of a resolution; the Go command is asked, in the module's folder, when it is left to it.

    Raises: InputError when it is not the wanted version; MachineError when there is no such Go command.
    """
    if resolution.mode is Mode.EXACT and resolution.version is not None:
        return exact_go(bootstrap_go(), resolution.version, resolution.source)
    program = bootstrap_go()
    if resolution.uses_machine_go:
        reason = "FORCE_HOST_GO" if resolution.mode is Mode.HOST else f"GOTOOLCHAIN={resolution.gotoolchain}"
        program = machine_go(builder.user, reason=reason)
    with builder.go_in_use(), run_folder(builder.paths.temporary) as temporary:
        go = asked_go(program, resolution, module, builder.workplace("go", temporary))
    if resolution.uses_machine_go and not meets_floor(go.version):
        builder.progress.note(
            f"{program.origin} is {go.version}: before 1.26.9 and 1.27.2 a Go command can be made to accept an altered"
            " toolchain (CVE-2026-94447); update it"
        )
    return go


def _nearest_module(root: Path, source: PluginSource) -> PluginSource:
    """Find the module in which the package lies when the source's folder itself holds none."""
    if source.module != "." or (root / "go.mod").is_file():
        return source
    package = Path(source.package)
    for folder in (package, *package.parents):
        if ".." not in folder.parts and not folder.is_absolute() and (root / folder / "go.mod").is_file():
            return replace(source, module=folder.as_posix(), package=package.relative_to(folder).as_posix())
    return source
