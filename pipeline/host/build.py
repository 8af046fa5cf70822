"""From a request to a folder of binaries: the one entry of the host adapter."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.core.architectures import FOLDER
from pipeline.core.build_plan import PLUGIN_BINARY, PluginSource
from pipeline.core.config import plugin_spec
from pipeline.core.go_resolution import Mode, Resolution, resolve
from pipeline.core.kubernetes import DEFAULT_RELEASE
from pipeline.core.plugin_spec import SECOND_FOLDER, PluginSpec
from pipeline.errors import InputError
from pipeline.host.assembly import Content, assemble
from pipeline.host.compile import Builder, Built, Job
from pipeline.host.environment import refuse_unchecked_modules, settings_not_passed
from pipeline.host.jobs import PluginTree, host_platform, plugin_job, plugin_tree
from pipeline.host.kubernetes_sources import ControlPlaneInput, KubernetesSource, Modules, Tree
from pipeline.host.module_proxy import ModuleProxy
from pipeline.host.parts import Copy, Part, image_part, project_parts, taken_programs
from pipeline.host.paths import cache_paths
from pipeline.host.progress import Progress, Silent
from pipeline.host.project import Project, find_project, reference_spec
from pipeline.host.provenance import provenance
from pipeline.host.source import find_version_file
from pipeline.host.trim import trim_caches


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build.

    `source` is the plugin's source tree with its `.go-version`; None takes the reference plugin. `plugin` says where
    in it the main package is; `spec` how to run the result (without it a plugin.json is only written for the reference
    plugin); `with_plugin` False builds none. `kubernetes` is a line or an exact version, None for no control plane;
    `kubernetes_source` is another place that the control plane comes from, in its stead;
    `components` are programs of it beside kube-apiserver, such as kube-controller-manager.
    `parts` are what the folder gets beside binaries; `second` is the plugin that data are migrated to, in a folder of
    its own there; `other_architecture` such as arm64 has the plugin built for it too, likewise in a folder of its own.
    `target` is the platform of the plugin alone, such as linux/arm64; empty: this machine.
    `output` is the assets folder; None takes one in the cache. `go_version` is stronger than every
    variable and file. `environment` is the user's, `proxy` what the user said of modules beside it.
    """

    source: Path | None = None
    plugin: PluginSource = field(default_factory=PluginSource)
    spec: PluginSpec | None = None
    with_plugin: bool = True
    kubernetes: str | None = DEFAULT_RELEASE.minor
    kubernetes_source: KubernetesSource | None = None
    components: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    second: BuildRequest | None = None
    other_architecture: str = ""
    target: str = ""
    output: Path | None = None
    go_version: str | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    proxy: ModuleProxy = field(default_factory=ModuleProxy)


@dataclass(frozen=True, slots=True)
class Assets:
    """A folder of binaries. `compiled` names those that this run compiled; the others were in the cache.

    `kubernetes` is such as `v1.37.2`, `go_version` the plugin's (without `go`), `go_version_source` what won and where
    it stands; each is empty when there is no such part.
    """

    folder: Path
    binaries: tuple[Built, ...]
    kubernetes: str = ""
    go_version: str = ""
    resolution: Resolution | None = None

    @property
    def go_version_source(self) -> str:
        """Return what named the plugin's Go version, and where it stands."""
        return self.resolution.source if self.resolution else ""

    @property
    def kms_version(self) -> str:
        """Return the version of k8s.io/kms that the plugin was built from, empty when it holds none."""
        modules = (
            module for built in self.binaries if built.main.name == PLUGIN_BINARY for module in built.entry.modules
        )
        found = (module for module in modules if module.startswith("k8s.io/kms@"))
        return next(found, "").partition("@")[2].partition(" ")[0]

    @property
    def compiled(self) -> tuple[str, ...]:
        """Return the names of the binaries that this run compiled."""
        return tuple(built.main.placed_as for built in self.binaries if built.compiled)


def request_for(project: Project) -> BuildRequest:
    """Return the request that builds a configured plugin, with the first Kubernetes version that it names.

    Raises: InputError when a file, an image or the second plugin that it names cannot be used.
    """
    config, platform = project.config, host_platform()
    second = find_project(project.root / config.migrate_to) if config.migrate_to else None
    if second is not None and second.config.migrate_to:
        second = replace(second, config=replace(second.config, migrate_to=""))
    parts = project_parts(project, platform)
    image = image_part(parts)
    return BuildRequest(
        source=project.root,
        plugin=config.go or PluginSource(),
        spec=plugin_spec(config, image=image.read() if image else None),
        with_plugin=config.go is not None,
        kubernetes=config.kubernetes[0] if config.kubernetes else DEFAULT_RELEASE.minor,
        parts=parts,
        second=request_for(second) if second else None,
    )


def resolve_go(tree: PluginTree, request: BuildRequest) -> Resolution:
    """Decide which Go builds the plugin of a request; nothing is run. One within a Kubernetes tree has the tree's.

    Raises: InputError when nothing, or something that cannot be used, names a version.
    """
    root, kubernetes = tree.root, request.kubernetes_source
    if isinstance(kubernetes, Tree) and root.resolve().is_relative_to(kubernetes.root.resolve()):
        root = kubernetes.root.resolve()
    return resolve(request.environment, find_version_file(root, tree.module), option=request.go_version)


@dataclass(frozen=True, slots=True)
class Planned:
    """A request with everything decided: what is built, by whom, with which Go; nothing has been compiled."""

    builder: Builder
    jobs: tuple[Job, ...]
    control_plane: ControlPlaneInput | None
    resolution: Resolution | None


def plan(request: BuildRequest, progress: Progress) -> Planned:
    """Decide what a request builds.

    Raises: KmsE2EError when the input or the machine is at fault.
    """
    environment = request.proxy.applied(request.environment)
    refuse_unchecked_modules(environment)
    if settings := settings_not_passed(environment):
        progress.note(f"not passed to builds: {' '.join(settings)}")
    tree = plugin_tree(request.source, request.plugin) if request.with_plugin else None
    resolution = resolve_go(tree, request) if tree else None
    paths = cache_paths(environment)
    paths.make()
    builder = Builder(paths, environment, progress)
    # The plugin first: it is quick to build and the likeliest to fail.
    jobs = [plugin_job(builder, tree, resolution, request.target)] if tree and resolution else []
    control_plane = _control_plane(request, builder)
    jobs += control_plane.jobs if control_plane else ()
    return Planned(builder, tuple(jobs), control_plane, resolution)


def build_assets(request: BuildRequest, progress: Progress | None = None) -> Assets:
    """Build what is missing, and put all binaries with plugin.json and provenance.json into a folder.

    When all binaries are in the cache no process is started (unless the choice of Go is left to the Go command).

    Raises: KmsE2EError with one clear message when the input, the machine or a build is at fault.
    """
    return assets_of(plan(request, Silent() if progress is None else progress), request)


def assets_of(planned: Planned, request: BuildRequest) -> Assets:
    """Execute the plan of a request, as `build_assets` does.

    Raises: KmsE2EError.
    """
    builder, control_plane, resolution = planned.builder, planned.control_plane, planned.resolution
    results = [(job, builder.build(job)) for job in planned.jobs]
    taken = taken_programs(request.parts)
    document = provenance(builder.paths, results, control_plane=control_plane, resolution=resolution, taken=taken)
    binaries = tuple(built for _, all_built in results for built in all_built)
    content = Content(binaries, _all_parts(request, planned), _spec(request), document)
    folder = assemble(content, builder.paths, request.output, with_plugin=request.with_plugin)
    compiled = {built.main.name for built in binaries if built.compiled}
    if compiled:
        keys = {built.entry.key for built in binaries}
        trim_caches(builder.paths, keys, builder.progress, grown=compiled != {PLUGIN_BINARY})
    return Assets(
        folder=folder,
        binaries=binaries,
        kubernetes=control_plane.version if control_plane else "",
        go_version=planned.jobs[0].go.version.removeprefix("go") if resolution else "",
        resolution=resolution,
    )


def _spec(request: BuildRequest) -> PluginSpec | None:
    """Return how to run the plugin; of one that nobody described only the reference plugin's is known."""
    if request.spec is None and request.with_plugin and request.source is None:
        return reference_spec()
    return request.spec


def _control_plane(request: BuildRequest, builder: Builder) -> ControlPlaneInput | None:
    source = request.kubernetes_source or (Modules(request.kubernetes) if request.kubernetes else None)
    return source.prepare(builder, request.components) if source else None


def prefetch(request: BuildRequest, progress: Progress) -> tuple[Planned, ...]:
    """Fetch every toolchain and module that a request needs, so that it can be built without a network.

    Raises: KmsE2EError.
    """
    done = []
    for one in with_second(request):
        planned = plan(one, progress)
        for job in planned.jobs:
            planned.builder.prefetch(job)
        done.append(planned)
    return tuple(done)


def with_second(request: BuildRequest) -> tuple[BuildRequest, ...]:
    """Return a request and that of the plugin to which data are migrated, which has no control plane of its own."""
    if request.second is None:
        return (request,)
    inherited = replace(
        request.second,
        kubernetes=None,
        kubernetes_source=None,
        output=None,
        environment=request.environment,
        proxy=request.proxy,
    )
    return (request, inherited)


def _all_parts(request: BuildRequest, planned: Planned) -> tuple[Part, ...]:
    (_, *second), progress = with_second(request), planned.builder.progress
    return (
        *(planned.control_plane.taken if planned.control_plane else ()),
        *request.parts,
        *(Copy(build_assets(one, progress).folder, SECOND_FOLDER, linked=True) for one in second),
        *_for_other_architecture(request, planned.resolution, progress),
    )


def _for_other_architecture(request: BuildRequest, resolution: Resolution | None, progress: Progress) -> Iterator[Part]:
    """Build the plugin alone once more, for the other architecture, with the Go of the first.

    Raises: InputError when it is not built from Go source.
    """
    if not request.other_architecture:
        return
    if not request.with_plugin:
        raise InputError(
            "only a plugin that is built here can be built for another architecture",
            seen="a finished program or an image",
            wanted="a plugin with Go source",
            where="--other-architecture",
        )
    alone = replace(
        request,
        kubernetes=None,
        kubernetes_source=None,
        components=(),
        second=None,
        other_architecture="",
        target=f"linux/{request.other_architecture}",
        go_version=str(resolution.version) if resolution and resolution.mode is Mode.EXACT else request.go_version,
        output=None,
    )
    yield Copy(build_assets(alone, progress).folder, FOLDER, linked=True)
