"""Execute the builds of a plan in containers: the same argv and environment as on a host, so the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import dagger
from dagger import dag

from pipeline.containers.messages import finished
from pipeline.containers.provenance import Executed
from pipeline.containers.toolchain import Toolchain
from pipeline.core.build_plan import GoBuild, control_plane_plan
from pipeline.core.go_version import parse_go_version
from pipeline.core.kubernetes import KubernetesRelease

_OUTPUT: Final = "/out"
_CORRECT: Final = "correct the source; the lines above name the place"


async def execute(toolchain: Toolchain, build: GoBuild, platform: str) -> Executed:
    """Run one build of a plan on the toolchain's source.

    Raises: BuildError when the Go is another one than wanted, or the build fails.
    """
    container = await toolchain.container()
    return await execute_in(container, toolchain, build, platform)


async def execute_in(container: dagger.Container, toolchain: Toolchain, build: GoBuild, platform: str) -> Executed:
    """Run one build of a plan in a prepared container of a toolchain.

    Raises: BuildError when the build fails.
    """
    container = container.with_new_file(f"{_OUTPUT}/.keep", "")
    for variable, value in build.environment(platform):
        container = container.with_env_variable(variable, value)
    single = len(build.mains) == 1
    target = f"{_OUTPUT}/{build.mains[0].name}" if single else f"{_OUTPUT}/"
    names = ", ".join(main.name for main in build.mains)
    built = await finished(container.with_exec(list(build.argv(target))), f"compiling {names}", next_step=_CORRECT)
    folder = dag.directory()
    for main in build.mains:
        name = main.name if single else main.built_as
        folder = folder.with_file(main.placed_as, built.file(f"{_OUTPUT}/{name}"))
    return Executed(build, toolchain, folder)


async def control_plane_builds(
    own: dagger.Directory, toolchain: Toolchain, release: KubernetesRelease, components: Sequence[str], platform: str
) -> tuple[Executed, ...]:
    """Build etcd, etcdutl, kube-apiserver and `components` of a release, each with the Go that the plan names for it.

    `own` is this module's source, which holds the pinned module graphs.

    Raises: InputError for a component that is none; BuildError when a build fails.
    """
    return tuple(
        [
            await execute(
                _selected(toolchain, build).with_source(await _graph(own, f"pipeline/{build.module}")), build, platform
            )
            for build in control_plane_plan(release, more=components)
        ]
    )


async def _graph(own: dagger.Directory, folder: str) -> dagger.Directory:
    """Return a module graph by its contents alone.

    Dagger v0.21 knows a folder of a module's source by the whole source, so that an edit of any file of ours would
    build everything again.
    """
    graph = dag.directory()
    for name in sorted(await own.directory(folder).entries()):
        graph = graph.with_new_file(name, await own.file(f"{folder}/{name}").contents())
    return graph


def _selected(toolchain: Toolchain, build: GoBuild) -> Toolchain:
    return toolchain.with_toolchain(parse_go_version(build.gotoolchain.encode(), where=build.label), build.gotoolchain)
