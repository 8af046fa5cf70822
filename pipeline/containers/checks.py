"""Checks of what was built, each with one reason to fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import dagger
from dagger import dag

from pipeline.containers.builds import execute_in
from pipeline.containers.plugin import Plugin
from pipeline.containers.provenance import Executed, examine
from pipeline.core.build_plan import PLUGIN_BINARY
from pipeline.errors import BuildError

_ELSEWHERE: Final = "/tmp/elsewhere"  # noqa: S108 - a folder of the container that belongs to nobody else
_NOBODY: Final = "65534:65534"


async def assert_go_versions(builds: Sequence[Executed]) -> None:
    """Ask every program which Go built it.

    Raises: BuildError naming the first one that another Go built.
    """
    for item in builds:
        await examine(item)


async def assert_reproducible(plugin: Plugin) -> None:
    """Build the plugin again under other circumstances and compare the bytes.

    Raises: BuildError with both digests when they differ.
    """
    toolchain, build = await plugin.prepared()
    platform = str(await dag.default_platform())
    first = await examine(await plugin.executed())
    again = await execute_in(
        _other(await toolchain.container(), toolchain.tree, toolchain.folder), toolchain, build, platform
    )
    second = await examine(again)
    if first.digests[PLUGIN_BINARY] != second.digests[PLUGIN_BINARY]:
        raise BuildError(
            "the plugin's bytes are not reproducible",
            seen=f"sha256 {second.digests[PLUGIN_BINARY]}",
            wanted=f"sha256 {first.digests[PLUGIN_BINARY]}, as the first build gave",
            where=f"two builds with {build.gotoolchain}, in two folders, by two users",
            next_step="look for time stamps, paths or random values in -ldflags, go:generate and cgo",
        )


def _other(container: dagger.Container, tree: dagger.Directory | None, folder: str) -> dagger.Container:
    """Return the container with the source in another folder, an empty build cache and another user."""
    other = container.with_directory(f"{_ELSEWHERE}/src", tree or dag.directory(), owner=_NOBODY)
    other = other.with_directory(f"{_ELSEWHERE}/cache", dag.directory(), owner=_NOBODY)
    for name in ("GOCACHE", "GOMODCACHE", "HOME"):
        other = other.with_env_variable(name, f"{_ELSEWHERE}/cache/{name.lower()}")
    return (
        other.with_directory("/out", dag.directory(), owner=_NOBODY)
        .with_user(_NOBODY)
        .with_workdir(f"{_ELSEWHERE}/src/{folder}")
    )
