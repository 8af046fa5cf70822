"""`Toolchain`: containers with one exact Go release, for any Go project."""

from __future__ import annotations

import copy
import re
from typing import Annotated, Any, Final, Self

import dagger
from dagger import Doc, dag

from pipeline.containers.images import go_image, install_packages
from pipeline.containers.messages import finished
from pipeline.containers.typed import field, function, object_type
from pipeline.core.go_version import GoVersion, parse_go_version
from pipeline.errors import BuildError, InputError

SOURCE_FOLDER: Final = "/src"
_MODULES: Final = "/cache/go-modules"
_COMPILED: Final = "/cache/go-build"
_REPORTED: Final = re.compile(r"go version (?P<version>\S+)")


@object_type
class Toolchain:
    """One exact Go release in containers, whose `go version` is asserted before anything is built."""

    go_version: Annotated[str, Doc("Go release, such as 1.26.10.")] = field()
    gotoolchain: Annotated[str, Doc("Value of GOTOOLCHAIN in the containers, such as go1.26.10.")] = field()
    base: dagger.Container | None = None
    module_cache: dagger.CacheVolume | None = None
    build_cache: dagger.CacheVolume | None = None
    goproxy: str = ""
    gosumdb: str = ""
    tree: dagger.Directory | None = None
    folder: str = "."
    packages: list[str] | None = None

    @function
    async def container(self) -> dagger.Container:
        """Container with this Go, the caches and the source in /src; `go version` has been asserted in it."""
        container = self.unchecked()
        reported = await self.reported_version(container)
        if not self._accepts(reported):
            raise BuildError(
                "the Go command in the container is not the version that was asked for",
                seen=reported,
                wanted=f"go{self.go_version}",
                where=f"go version with GOTOOLCHAIN={self.gotoolchain}",
                next_step="pass a base image with that Go, or GOTOOLCHAIN=goX so that the Go command switches to it",
            )
        return container

    @function
    def with_source(
        self,
        source: Annotated[dagger.Directory, Doc("Source tree to build.")],
        folder: Annotated[str, Doc("Folder of go.mod in it; the source's own by default.")] = ".",
    ) -> Self:
        """Return this toolchain with a source tree to work on."""
        return self._copy(tree=source, folder=folder)

    @function
    async def build(
        self,
        package: Annotated[
            str, Doc("Main package, such as ./cmd/server; that of the module's folder by default.")
        ] = ".",
        flags: Annotated[list[str] | None, Doc("Further words for `go build`; none by default.")] = None,
        cgo: Annotated[bool, Doc("Build with cgo; off by default.")] = False,
    ) -> dagger.File:
        """Build one program of the source, reproducibly (-trimpath, no VCS stamp, go.mod not changed)."""
        words = ["go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly", *(flags or [])]
        container = (await self.container()).with_env_variable("CGO_ENABLED", "1" if cgo else "0")
        built = container.with_exec([*words, "-o", "/out/program", package])
        built = await finished(
            built, f"compiling {package}", next_step="correct the source; the lines above name the place"
        )
        return built.file("/out/program")

    @function
    async def test(
        self,
        packages: Annotated[list[str] | None, Doc("Packages to test; ./... by default.")] = None,
        flags: Annotated[list[str] | None, Doc("Further words for `go test`, such as -race; none by default.")] = None,
    ) -> str:
        """Run the source's Go tests and return their output; a failing test is an error."""
        return await (await self.exec(["go", "test", *(flags or []), *(packages or ["./..."])])).stdout()

    @function
    async def exec(
        self, args: Annotated[list[str], Doc("Command and its words, such as go,vet,./...")]
    ) -> dagger.Container:
        """Run a command in the source with this Go and return the container; a failing command is an error."""
        container = (await self.container()).with_exec(args)
        return await finished(container, " ".join(args[:3]), next_step="the lines above say why")

    def unchecked(self) -> dagger.Container:
        """Return the container without asserting its Go.

        Raises: InputError when the checksum database is switched off.
        """
        _assert_checked(self.gosumdb)
        name = self.gotoolchain.partition("+")[0]
        container = self.base or dag.container().from_(go_image(self._version()))
        if self.packages:
            container = container.with_exec(install_packages(self.packages))
        modules = self.module_cache or dag.cache_volume("kms-e2e-go-modules")
        compiled = self.build_cache or dag.cache_volume(f"kms-e2e-go-build-{name}")
        variables = {
            "GO_VERSION": self.go_version,
            "GOTOOLCHAIN": self.gotoolchain,
            "GOENV": "off",
            "GOWORK": "off",
            "GOMODCACHE": _MODULES,
            "GOCACHE": _COMPILED,
            **({"GOPROXY": self.goproxy} if self.goproxy else {}),
            **({"GOSUMDB": self.gosumdb} if self.gosumdb else {}),
        }
        for variable, value in variables.items():
            container = container.with_env_variable(variable, value)
        container = container.with_mounted_cache(_MODULES, modules).with_mounted_cache(_COMPILED, compiled)
        if self.tree is not None:
            container = container.with_directory(SOURCE_FOLDER, self.tree)
        return container.with_workdir(f"{SOURCE_FOLDER}/{self.folder}")

    def with_packages(self, packages: list[str]) -> Self:
        """Return this toolchain with Debian packages, for a build with cgo."""
        return self._copy(packages=packages)

    async def reported_version(self, container: dagger.Container) -> str:
        """Ask the container's Go for its version, such as `go1.26.10`.

        Raises: BuildError when there is no Go, or the image or the toolchain cannot be had.
        """
        asked = await finished(
            container.with_exec(["go", "version"]),
            f"asking for Go {self.go_version}",
            next_step="name an image that exists (--go-base), or correct the version",
        )
        line = await asked.stdout()
        match = _REPORTED.match(line)
        return match["version"] if match else line.strip()

    def with_toolchain(self, version: GoVersion, gotoolchain: str) -> Self:
        """Return this toolchain with another Go release."""
        return self._copy(go_version=str(version), gotoolchain=gotoolchain)

    def _accepts(self, reported: str) -> bool:
        wanted = self._version()
        if "+" not in self.gotoolchain or not self.gotoolchain.startswith("go"):
            return reported == wanted.toolchain
        return parse_go_version(reported.encode(), where="go version").order >= wanted.order

    def _version(self) -> GoVersion:
        return parse_go_version(self.go_version.encode(), where="the toolchain's Go version")

    def _copy(self, **changes: Any) -> Self:
        made = copy.copy(self)
        for name, value in changes.items():
            setattr(made, name, value)
        return made


def _assert_checked(gosumdb: str) -> None:
    """Refuse what a host refuses too: without the checksum database an altered toolchain would not be noticed."""
    if gosumdb.strip().lower() == "off":
        raise InputError(
            "the checksum database is switched off",
            seen=f"GOSUMDB={gosumdb}",
            wanted="the default, or the name of a mirror",
            where="--gosumdb",
            next_step="leave it out; a private proxy can serve a mirror of the checksum database",
        )
