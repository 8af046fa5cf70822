"""What to build and how, as data: a host and a container execute the same plan and get the same bytes.

A plan holds no path of a machine: argv, environment and module files are values; where the module's files lie and
where the output goes is said by whoever executes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pipeline.core.components import API_SERVER, COMPONENTS, Component
from pipeline.core.kubernetes import DEFAULT_RELEASE, KubernetesRelease, release_before
from pipeline.core.strict import Doc
from pipeline.errors import InputError

KEY_FORMAT: Final = 1
"""Raised when the meaning of a content key changes, so that older cache entries are left alone."""

FIXED_FLAGS: Final = ("-trimpath", "-buildvcs=false", "-mod=readonly")
"""The same everywhere, or the same inputs would not give the same bytes (design decision 3)."""

PLATFORMS: Final = ("linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64")
_VERSION_PACKAGES: Final = ("k8s.io/client-go/pkg/version", "k8s.io/component-base/version")


@dataclass(frozen=True, slots=True)
class Main:
    """A main package of a module graph: `name` is the binary's, `package` an import path or `./path` of the module.

    `file` is its name in an assets folder, when that is another one.
    """

    name: str
    package: str
    version: str = ""
    file: str = ""

    @property
    def placed_as(self) -> str:
        """Return the name of its file in an assets folder."""
        return self.file or self.name

    @property
    def built_as(self) -> str:
        """Return the file name that `go build -o FOLDER/` gives it: the last element that is no major version."""
        elements = [element for element in self.package.split("/") if element != "."]
        if len(elements) > 1 and elements[-1].startswith("v") and elements[-1][1:].isdigit():
            elements.pop()
        return elements[-1] if elements else self.name


@dataclass(frozen=True, slots=True)
class GoBuild:
    """One module graph with its main packages, built by one Go version with one set of flags.

    `module` says which module graph: a folder below `pipeline/` for a pinned graph (`pinned`), else the plugin's module
    below its source. `gotoolchain` is the value of GOTOOLCHAIN while building; `cgo` needs a C compiler; `vendor` takes
    modules from the folder vendor, `workspace` from the go.work around the module; `test`: the only main
    is a package of tests, of which `go test -c` makes a program.
    """

    label: str
    mains: tuple[Main, ...]
    module: str
    gotoolchain: str
    pinned: bool = False
    tags: tuple[str, ...] = ()
    ldflags: tuple[str, ...] = ()
    cgo: bool = False
    vendor: bool = False
    workspace: bool = False
    test: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """Return the flags of every `go build` of this build."""
        return tuple("-mod=vendor" if self.vendor and flag == "-mod=readonly" else flag for flag in FIXED_FLAGS)

    def argv(self, output: str, mains: Sequence[Main] | None = None, *, parallel: int | None = None) -> tuple[str, ...]:
        """Return the command that builds `mains` (all by default), run in the module's folder.

        `output` is the file of a single main, or an existing folder for several (then each is named
        `Main.built_as`). `parallel` limits the compilers that run at a time; it does not change the result.
        """
        chosen = self.mains if mains is None else tuple(mains)
        words = ["go", *(("test", "-c") if self.test else ("build", "-v")), *self.flags]
        if parallel is not None:
            words.append(f"-p={parallel}")
        if self.tags:
            words.append(f"-tags={','.join(self.tags)}")
        if self.ldflags:
            words.append(f"-ldflags={' '.join(map(_quoted, self.ldflags))}")
        return (*words, "-o", output, *(main.package for main in chosen))

    def environment(self, platform: str) -> tuple[tuple[str, str], ...]:
        """Return the variables that decide the result, for a platform such as `linux/amd64`."""
        system, architecture = platform.split("/")
        return (
            ("CGO_ENABLED", "1" if self.cgo else "0"),
            ("GOARCH", architecture),
            ("GOOS", system),
            ("GOTOOLCHAIN", self.gotoolchain),
            ("GOWORK", "" if self.workspace else "off"),  # empty: the Go command looks for go.work
        )


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """Everything that one run builds, for one platform, in the order in which it should be built."""

    platform: str
    builds: tuple[GoBuild, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all binaries."""
        return tuple(main.placed_as for build in self.builds for main in build.mains)


def control_plane_plan(release: KubernetesRelease, *, more: Sequence[str] = ()) -> tuple[GoBuild, ...]:
    """Return the builds of etcd, etcdutl and kube-apiserver of a release, and of `more` of its programs.

    etcd has a module graph of its own, so that Kubernetes' dependencies do not change it, and is the same for every
    release: that of the newest, built with its Go. Further programs come after kube-apiserver, each by a build of its
    own: they take the packages that it compiled, and never delay it. What belongs to the line before is left out for
    the oldest release.

    Raises: InputError for a program that is not one of `COMPONENTS`.
    """
    for name in more:
        if name not in COMPONENTS:
            raise InputError("no such program to build", seen=name, wanted=" or ".join(COMPONENTS))
    return (
        GoBuild(
            label="etcd",
            mains=(
                Main("etcd", "go.etcd.io/etcd/server/v3", DEFAULT_RELEASE.etcd_version),
                Main("etcdutl", "go.etcd.io/etcd/etcdutl/v3", DEFAULT_RELEASE.etcd_version),
            ),
            module=f"kubernetes/{DEFAULT_RELEASE.minor}/etcd",
            gotoolchain=DEFAULT_RELEASE.go_version.toolchain,
            pinned=True,
        ),
        _kubernetes_build(release, "kube-apiserver", API_SERVER),
        *(
            _kubernetes_build(owner, name, COMPONENTS[name])
            for name in dict.fromkeys(more)
            if (owner := release_before(release) if COMPONENTS[name].before else release)
        ),
    )


def version_flags(stamps: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the linker flags that stamp a program of Kubernetes with its version."""
    found = list(stamps)
    return tuple(
        word for package in _VERSION_PACKAGES for name, value in found for word in ("-X", f"{package}.{name}={value}")
    )


def _kubernetes_build(release: KubernetesRelease, name: str, component: Component) -> GoBuild:
    ours, api_server = component.of_kubernetes, component.package == API_SERVER.package
    version = release.git_version if ours else component.version
    # One binary has one key, whatever it is called in the folder.
    main = (
        Main("kube-apiserver", component.package, version, name)
        if api_server
        else Main(name, component.package, version)
    )
    return GoBuild(
        label="kubernetes" if api_server else name,
        mains=(main,),
        module=component.module.format(minor=release.minor),
        gotoolchain=component.gotoolchain or release.go_version.toolchain,
        pinned=True,
        tags=release.build_tags if ours else (),
        ldflags=(*(version_flags(release.stamps) if ours else ()), "-s", "-w"),
        test=component.test,
    )


@dataclass(frozen=True, slots=True)
class PluginSource:
    """Where in a plugin's source its main package is, and how it wants to be built."""

    module: Annotated[str, Doc("Folder of go.mod below the repository.")] = "."
    package: Annotated[str, Doc("Folder of the main package below the module, such as ./cmd/kms-plugin.")] = "."
    tags: Annotated[tuple[str, ...], Doc("Build tags.")] = ()
    ldflags: Annotated[tuple[str, ...], Doc("Linker flags, such as -X and main.version=v1.2.3 as two words.")] = ()
    cgo: Annotated[bool, Doc("Build with cgo, which needs a C compiler.")] = False
    system_packages: Annotated[
        tuple[str, ...], Doc("Debian packages that the build needs; containers install them.")
    ] = ()
    vendor: Annotated[bool, Doc("Take the modules from the folder vendor and not from the module proxy.")] = False
    workspace: Annotated[bool, Doc("Build in the go.work that lies in the module's folder or above it.")] = False


PLUGIN_BINARY: Final = "kms-plugin"
PLUGIN_LABEL: Final = "plugin"


def plugin_plan(source: PluginSource, gotoolchain: str) -> GoBuild:
    """Return the build of the plugin under test with a value of GOTOOLCHAIN such as `go1.26.10`.

    Raises: InputError for a package outside the module, or a flag that would be read as another word.
    """
    _check_inside(source.package, "the plugin's package")
    _check_inside(source.module, "the plugin's module")
    for tag in source.tags:
        if not tag or not all(character.isalnum() or character in "_." for character in tag):
            raise InputError("not a build tag", seen=repr(tag), wanted="letters, digits, '_' and '.'")
    package = source.package.removeprefix("./").strip("/") or "."
    return GoBuild(
        label=PLUGIN_LABEL,
        mains=(Main(PLUGIN_BINARY, package if package == "." else f"./{package}"),),
        module=source.module,
        gotoolchain=gotoolchain,
        tags=source.tags,
        ldflags=source.ldflags,
        cgo=source.cgo,
        vendor=source.vendor,
        workspace=source.workspace,
    )


def content_key(
    build: GoBuild, main: Main, *, platform: str, go: str, source_digest: str, extra: Iterable[str] = ()
) -> str:
    """Return the name of a binary by everything that decides its bytes, 64 hexadecimal digits.

    `go` is the Go that compiles (`go1.26.10`, or what tells the machine's go apart from others), `source_digest` the
    digest of the module's files (of go.mod and go.sum for a pinned graph), `extra` what cgo adds (the C compiler).
    """
    parts = [
        f"format {KEY_FORMAT}",
        f"go {go}",
        f"platform {platform}",
        f"package {main.package}",
        f"source {source_digest}",
        f"argv {build.argv(main.name, (main,))!r}",
        *(f"env {name}={value}" for name, value in build.environment(platform)),
        *(f"extra {item}" for item in extra),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _quoted(word: str) -> str:
    """Quote a linker flag as the Go command splits it: either kind of quote around a whole word, no escapes."""
    if not any(character.isspace() for character in word):
        return word
    if "'" in word and '"' in word:
        raise InputError("a linker flag cannot hold white space and both kinds of quotes", seen=repr(word))
    return f'"{word}"' if "'" in word else f"'{word}'"


def _check_inside(path: str, what: str) -> None:
    if path.startswith(("/", "-")) or "\0" in path or ".." in path.split("/"):
        raise InputError(
            f"{what} lies outside its source", seen=repr(path), wanted="a relative path such as ./cmd/plugin"
        )
