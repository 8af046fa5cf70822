"""From what a caller gave to the objects of this module."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass

import dagger
from dagger import dag

from pipeline.containers.builds import control_plane_builds
from pipeline.containers.go_source import resolve_source
from pipeline.containers.plugin import Plugin
from pipeline.containers.plugin_source import find_config
from pipeline.containers.provenance import PROVENANCE_FILE, Executed, provenance
from pipeline.containers.suite import suite_container, with_packages, with_program, with_secrets
from pipeline.containers.toolchain import Toolchain
from pipeline.core.components import DEFAULT_COMPONENTS
from pipeline.core.go_resolution import Mode, Resolution
from pipeline.core.kubernetes import DEFAULT_RELEASE, find_release
from pipeline.core.plugin_spec import SECOND_FOLDER
from pipeline.core.slsa import FOLDER as ATTESTATIONS
from pipeline.core.slsa import statements


def new_run_id() -> str:
    """Return a name for a run that no other run has."""
    return uuid.uuid4().hex


def own_source() -> dagger.Directory:
    """Return this module's own files: suite, harness, module graphs, lock."""
    return dag.current_module().source()


@dataclass(frozen=True, slots=True)
class Variables:
    """Upstream's variables for the Go version, as arguments."""

    go_version: str
    gotoolchain: str
    force_host_go: str

    async def resolve(self, source: dagger.Directory, config: dagger.File | None, kubernetes: str) -> Resolution:
        """Decide which Go builds a source, or the module in it that a configuration names.

        For a plugin that is not built from Go source it is the Go of Kubernetes, which is built all the same.

        Raises: InputError when nothing, or something that cannot be used, names a version.
        """
        values = {
            "GO_VERSION": self.go_version,
            "GOTOOLCHAIN": self.gotoolchain,
            "FORCE_HOST_GO": self.force_host_go,
        }
        named = {name: value for name, value in values.items() if value}
        found = await find_config(source, config)
        if found is not None and found.go is None and not named:
            release = find_release(kubernetes)
            origin = f"the .go-version of Kubernetes {release.git_version}"
            return Resolution(Mode.EXACT, release.go_version, release.go_version.toolchain, origin, ())
        return await resolve_source(source, found.go.module if found is not None and found.go else ".", named)


async def chosen_kubernetes(source: dagger.Directory, config: dagger.File | None, asked: str) -> str:
    """Return the Kubernetes version: as asked, else the first that the configuration names, else the newest.

    Raises: InputError when the configuration cannot be used.
    """
    found = None if asked else await find_config(source, config)
    return asked or (found.kubernetes[0] if found and found.kubernetes else DEFAULT_RELEASE.minor)


@dataclass(frozen=True, slots=True)
class Assembly:
    """What one run is made of: the plugin, the resolution that chose its Go, and the Kubernetes version."""

    plugin: Plugin
    resolution: Resolution
    kubernetes: str
    suite_base: dagger.Container | None
    secrets: tuple[dagger.Secret, ...] = ()
    components: tuple[str, ...] = DEFAULT_COMPONENTS

    async def builds(self) -> tuple[Executed, ...]:
        """Build the plugin first, which is quick and the likeliest to fail, then the control plane.

        Raises: KmsE2EError when something cannot be built.
        """
        release, platform = find_release(self.kubernetes), str(await dag.default_platform())
        built = await self.plugin.programs()
        base: Toolchain = self.plugin.toolchain
        return (*built, *await control_plane_builds(own_source(), base, release, self.components, platform))

    async def assets(self) -> dagger.Directory:
        """Return the folder of binaries with plugin.json and provenance.json, as a host makes it.

        Raises: KmsE2EError when something cannot be built or nothing says how to run the plugin.
        """
        description = await self.plugin.description()
        builds = await self.builds()
        release, platform = find_release(self.kubernetes), str(await dag.default_platform())
        document = await provenance(builds, platform=platform, release=release, resolution=self.resolution)
        folder = await self.plugin.parts()
        for item in builds:
            folder = folder.with_directory(".", item.binaries)
        for name, text in statements(json.loads(document)):
            folder = folder.with_new_file(f"{ATTESTATIONS}/{name}", text)
        second = await self.plugin.second()
        if second is not None:
            folder = folder.with_directory(SECOND_FOLDER, await _plugin_folder(second))
        return folder.with_new_file(PROVENANCE_FILE, document).with_file("plugin.json", description)

    async def test_image(self) -> dagger.Container:
        """Return the container with suite and binaries.

        Raises: KmsE2EError when something cannot be built.
        """
        own = own_source()
        container = await suite_container(own, self.suite_base)
        second = await self.plugin.second()
        specs = [await plugin.specification() for plugin in (self.plugin, second) if plugin is not None]
        packages = dict.fromkeys(name for spec in specs for name in spec.system_packages)
        container = await with_packages(container, tuple(packages))
        return await with_secrets(with_program(container, own, await self.assets()), specs, self.secrets)


async def _plugin_folder(plugin: Plugin) -> dagger.Directory:
    """Return a plugin's own part of a folder of binaries."""
    folder = await plugin.parts()
    for item in await plugin.programs():
        folder = folder.with_directory(".", item.binaries)
    return folder.with_file("plugin.json", await plugin.description())
