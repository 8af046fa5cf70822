"""Build a Kubernetes KMS v2 plugin with the Go of `.go-version` and prove that it keeps the KMS v2 contract.

The suite runs in containers, with a real etcd and a real kube-apiserver that are built with the Go of Kubernetes' own
`.go-version`. `kms-e-2-e` fails when a scenario fails, `report` returns the evidence in every case.
"""

from __future__ import annotations

import dagger

from pipeline.containers import arguments
from pipeline.containers.arguments import Family, Fast, Focus, Parallel, Shard, Skip
from pipeline.containers.assembly import Assembly, Variables, chosen_kubernetes, new_run_id, own_source
from pipeline.containers.audit import assert_no_drift
from pipeline.containers.checks import assert_go_versions, assert_reproducible
from pipeline.containers.control_plane import ControlPlane
from pipeline.containers.messages import show_no_traceback
from pipeline.containers.plugin import Plugin
from pipeline.containers.report import Report, report_of
from pipeline.containers.suite import Selection, UpstreamSelection, run_suite
from pipeline.containers.toolchain import Toolchain
from pipeline.containers.typed import check, function, object_type
from pipeline.core.components import CLUSTER, DEFAULT_COMPONENTS, UPSTREAM_TESTS
from pipeline.core.go_explanation import describe
from pipeline.core.go_resolution import Resolution
from pipeline.core.upstream import DEFAULT_FOCUS, DEFAULT_SKIP

show_no_traceback()


@object_type
class Kms:
    """Kubernetes KMS v2 conformance: Go toolchain, plugin, control plane and suite in containers."""

    source: arguments.Source
    go: arguments.GoVersionText = ""
    gotoolchain: arguments.GoToolchainText = ""
    force_host_go: arguments.ForceHostGo = ""
    go_base: arguments.GoBase = None
    goproxy: arguments.GoProxy = ""
    gosumdb: arguments.GoSumDatabase = ""
    module_cache: arguments.ModuleCache = None
    build_cache: arguments.BuildCache = None
    config: arguments.ConfigFile = None
    secrets: arguments.Secrets = None
    kubernetes: arguments.KubernetesVersion = ""
    components: arguments.Components = None
    suite_base: arguments.SuiteBase = None
    run_id: arguments.RunId = ""

    def __post_init__(self) -> None:
        """Name the run once; the state that is passed on keeps the name."""
        self.run_id = self.run_id or new_run_id()

    @function
    async def go_version(self) -> str:
        """Go version in force, where it came from, and every input that was looked at."""
        return describe(await self._resolve())

    @function
    async def toolchain(self) -> Toolchain:
        """Containers with the Go of the source, for any Go project."""
        resolution = await self._resolve()
        return Toolchain(
            go_version=str(resolution.version),
            gotoolchain=resolution.gotoolchain,
            base=self.go_base,
            module_cache=self.module_cache,
            build_cache=self.build_cache,
            goproxy=self.goproxy,
            gosumdb=self.gosumdb,
        )

    @function
    async def plugin(self) -> Plugin:
        """KMS v2 plugin of the source: program, image, bill of materials, provenance."""
        return Plugin(source=self.source, toolchain=await self.toolchain(), config=self.config)

    @function
    async def assets(self) -> dagger.Directory:
        """Folder with the programs of a run, plugin.json and provenance.json, as `kms-e2e build` makes it."""
        return await (await self._assembly()).assets()

    @function
    async def test_image(self) -> dagger.Container:
        """Image with suite and programs, for `docker run` without Dagger, to export or to publish."""
        return await (await self._assembly()).test_image()

    @function
    async def control_plane(self, hosts: arguments.Hosts = None) -> ControlPlane:
        """Control plane that encrypts Secrets with the plugin, as a service."""
        return ControlPlane(image=await self.test_image(), run_id=self.run_id, hosts=hosts or [])

    @function
    async def report(
        self,
        focus: Focus = "",
        skip: Skip = "",
        family: Family = None,
        parallel: Parallel = 0,
        shard: Shard = "1/1",
        fast: Fast = False,
    ) -> Report:
        """Run the suite and return its evidence, also when scenarios fail."""
        selection = Selection(focus, skip, tuple(family or ()), parallel, shard, fast)
        return await report_of(run_suite(await self.test_image(), self.run_id, selection), self.run_id)

    @function
    @check
    async def kms_e2e(
        self,
        focus: Focus = "",
        skip: Skip = "",
        family: Family = None,
        parallel: Parallel = 0,
        shard: Shard = "1/1",
        fast: Fast = False,
    ) -> None:
        """Run the suite; fail with the failing scenarios and their reasons."""
        await (await self.report(focus, skip, family, parallel, shard, fast)).verdict()

    @function
    async def upstream(
        self,
        focus: arguments.TestFocus = DEFAULT_FOCUS,
        skip: arguments.TestSkip = DEFAULT_SKIP,
        label_filter: arguments.LabelFilter = "",
        parallel: arguments.TestParallel = 0,
        plain: arguments.Plain = False,
    ) -> Report:
        """Run Kubernetes' own tests on simulated nodes with every resource encrypted, and return the evidence."""
        image = await (await self._assembly((*CLUSTER, *UPSTREAM_TESTS))).test_image()
        selection = UpstreamSelection(focus, skip, label_filter, parallel, plain)
        return await report_of(run_suite(image, self.run_id, selection), self.run_id)

    @function
    @check
    async def audit(self) -> None:
        """Every place of the source that names a Go version names the one in force; audit.toml has the exceptions."""
        await assert_no_drift(own_source(), self.suite_base, self.source)

    @function
    @check
    async def go_version_respected(self) -> None:
        """Every program was built by the Go of its own .go-version."""
        await assert_go_versions(await (await self._assembly()).builds())

    @function
    @check
    async def artifacts_reproducible(self) -> None:
        """Build the plugin again in another folder, as another user, without a cache: the bytes are the same."""
        await assert_reproducible(await self.plugin())

    async def _resolve(self) -> Resolution:
        return await self._variables().resolve(self.source, self.config, await self._kubernetes())

    async def _kubernetes(self) -> str:
        return await chosen_kubernetes(self.source, self.config, self.kubernetes)

    def _variables(self) -> Variables:
        return Variables(self.go, self.gotoolchain, self.force_host_go)

    async def _assembly(self, components: tuple[str, ...] = ()) -> Assembly:
        resolution = await self._resolve()
        plugin, kubernetes = await self.plugin(), await self._kubernetes()
        secrets, components = tuple(self.secrets or ()), components or tuple(self.components or DEFAULT_COMPONENTS)
        return Assembly(plugin, resolution, kubernetes, self.suite_base, secrets, components)
