"""`Plugin`: the KMS v2 plugin under test as binary, image, bill of materials and provenance."""

from __future__ import annotations

from typing import Annotated, Final

import dagger
from dagger import Doc, dag

from pipeline.containers.builds import execute
from pipeline.containers.go_source import resolve_source
from pipeline.containers.images import PLUGIN_IMAGE
from pipeline.containers.messages import finished
from pipeline.containers.plugin_source import description, locate, module_tree, parts, read_config, second_place
from pipeline.containers.provenance import Executed, examine, provenance
from pipeline.containers.toolchain import Toolchain
from pipeline.containers.typed import function, object_type
from pipeline.core.build_plan import PLUGIN_BINARY, GoBuild, PluginSource, plugin_plan
from pipeline.core.config import Config
from pipeline.core.plugin_spec import PluginSpec
from pipeline.core.sbom import cyclonedx
from pipeline.errors import InputError

_NO_USER: Final = "65532:65532"  # `nonroot` of the distroless images


@object_type
class Plugin:
    """The KMS v2 plugin under test, built with the Go version of its source."""

    source: dagger.Directory
    toolchain: Toolchain
    config: dagger.File | None = None

    @function
    async def binary(self) -> dagger.File:
        """Program of the plugin, the same bytes as a host builds."""
        return (await self.executed()).binaries.file(PLUGIN_BINARY)

    @function
    async def image(
        self,
        base: Annotated[
            dagger.Container | None, Doc("Base image; a static one without shell and root user by default.")
        ] = None,
        revision: Annotated[str, Doc("Revision of the source, such as a commit, for a label; none by default.")] = "",
    ) -> dagger.Container:
        """Minimal image with the plugin: no root user, and labels with Go version and source revision."""
        if (await self.located()).cgo and base is None:
            raise InputError(
                "a plugin that is built with cgo needs a C library, which the default base image has not",
                wanted="a base image with the C library of the image that builds it, such as debian:bookworm-slim",
                next_step="pass --base",
            )
        container = base or dag.container().from_(PLUGIN_IMAGE)
        labels = {"title": PLUGIN_BINARY, "revision": revision}
        for name, value in labels.items():
            container = container.with_label(f"org.opencontainers.image.{name}", value) if value else container
        container = (
            container.with_label("org.golang.version", (await self._gotoolchain()).removeprefix("go"))
            .with_file(f"/{PLUGIN_BINARY}", await self.binary(), permissions=0o755)
            .with_user(_NO_USER)
            .with_entrypoint([f"/{PLUGIN_BINARY}"])
            .without_default_args()
        )
        return await finished(
            container, "making the plugin's image", next_step="name a base image that exists (--base)"
        )

    @function
    async def sbom(self) -> dagger.File:
        """Bill of materials of the program in CycloneDX 1.5: its Go and every module with version and checksum."""
        examined = await examine(await self.executed())
        text = cyclonedx(PLUGIN_BINARY, examined.digests[PLUGIN_BINARY], examined.programs[PLUGIN_BINARY])
        return dag.directory().with_new_file("sbom.cdx.json", text).file("sbom.cdx.json")

    @function
    async def provenance(self) -> dagger.File:
        """provenance.json: Go, flags, module sums and SHA-256 of the program."""
        platform = str(await dag.default_platform())
        text = await provenance((await self.executed(),), platform=platform, release=None, resolution=None)
        return dag.directory().with_new_file("provenance.json", text).file("provenance.json")

    @function
    async def description(self) -> dagger.File:
        """plugin.json: how the suite runs the plugin."""
        text = (await self.specification()).to_json()
        return dag.directory().with_new_file("plugin.json", text).file("plugin.json")

    async def configured(self) -> Config:
        """Read the plugin's configuration.

        Raises: InputError when there is none, or it cannot be used.
        """
        return await read_config(self.source, self.config)

    async def specification(self) -> PluginSpec:
        """Return how the suite runs the plugin.

        Raises: InputError when the configuration or its image cannot be used.
        """
        return await description(self.source, await self.configured())

    async def second(self) -> Plugin | None:
        """Return the plugin that data are migrated to, None when none is configured.

        Raises: InputError when it is not in the source.
        """
        config = await self.configured()
        if not config.migrate_to:
            return None
        source, file = await second_place(self.source, config)
        second = Plugin(source=source, toolchain=self.toolchain, config=file)
        go = (await second.configured()).go
        if go is not None:
            resolution = await resolve_source(source, go.module, {})
            if resolution.version is not None:
                second.toolchain = self.toolchain.with_toolchain(resolution.version, resolution.gotoolchain)
        return second

    async def programs(self) -> tuple[Executed, ...]:
        """Build the plugin, when it is built from Go source.

        Raises: InputError for a source that is no module; BuildError when it does not compile.
        """
        return (await self.executed(),) if (await self.configured()).go else ()

    async def parts(self) -> dagger.Directory:
        """Return what a run needs of the source beside compiled programs.

        Raises: InputError when a file or an image is not there.
        """
        return await parts(self.source, await self.configured())

    async def executed(self) -> Executed:
        """Build the plugin.

        Raises: InputError for a source that is no module; BuildError when it does not compile.
        """
        toolchain, build = await self.prepared()
        return await execute(toolchain, build, str(await dag.default_platform()))

    async def prepared(self) -> tuple[Toolchain, GoBuild]:
        """Return the toolchain with the plugin's source, and the plan of its build."""
        located = await self.located()
        tree = await module_tree(self.source, located)
        toolchain = self.toolchain.with_source(tree, located.module).with_packages(list(located.system_packages))
        return toolchain, plugin_plan(located, await self._gotoolchain())

    async def located(self) -> PluginSource:
        """Say where in the source the plugin is."""
        return await locate(self.source, await self.configured())

    async def _gotoolchain(self) -> str:
        """Return the exact toolchain: what GOTOOLCHAIN=goX+auto selects is asked for in the module's folder."""
        toolchain = self.toolchain
        if not toolchain.gotoolchain.startswith("go") or "+" not in toolchain.gotoolchain:
            return toolchain.gotoolchain
        located = await self.located()
        selected = toolchain.with_source(await module_tree(self.source, located), located.module)
        return await selected.reported_version(await selected.container())
