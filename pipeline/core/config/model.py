"""The tables of `kms-e2e.toml` as data. Their docstrings and `Doc`s are the text of the published JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from pipeline.core.build_plan import PluginSource
from pipeline.core.plugin_spec import (
    DEFAULT_READY_TIMEOUT_S,
    HOOKS,
    INSIDE,
    PLUGIN_NAME,
    SOCKET_NAME,
    VARIABLE,
    Hook,
    SecretSource,
    Service,
)
from pipeline.core.result import SCENARIO_ID
from pipeline.core.strict import Above, Doc, Keys, NotEmpty, Pairs, Pattern

CONFIG_FILE: Final = "kms-e2e.toml"
PYPROJECT_FILE: Final = "pyproject.toml"
PYPROJECT_TABLE: Final = ("tool", "kms-e2e")
_SCENARIO: Final = Pattern(SCENARIO_ID, "a scenario's id, such as B23")
_MINOR: Final = Pattern(r"v?1\.\d+(\.\d+)?", "a minor or exact version, such as 1.37 or 1.37.2")
_USER: Final = Pattern(r"[a-z_][a-z0-9_.-]*|\d+(:\d+)?", "a user's name, uid or uid:gid")


@dataclass(frozen=True, slots=True)
class Program:
    """A finished program in any language, taken as it is."""

    path: Annotated[str, Doc("Program's file in the repository; it becomes {assets}/kms-plugin."), INSIDE]


@dataclass(frozen=True, slots=True)
class Image:
    """A container image: its root file system is unpacked, and the plugin runs in it by chroot, without mounts."""

    archive: Annotated[
        str, Doc("Image as a file of the repository: what `docker save` writes, or an OCI layout in a tar archive.")
    ] = ""
    reference: Annotated[str, Doc("Image in a registry, which containers fetch; a host takes archives only.")] = ""


@dataclass(frozen=True, slots=True)
class Run:
    """How the plugin runs."""

    argv: Annotated[
        tuple[str, ...],
        Doc("Command and arguments; {socket} is where to listen, {assets}/kms-plugin the program that was built."),
    ] = ()
    env: Annotated[
        Pairs, Doc("Further environment variables; the plugin sees no others of yours."), Keys(pattern=VARIABLE)
    ] = ()
    files: Annotated[
        Pairs, Doc("Files that are written before the first start: path, such as {state}/config.yaml, and text.")
    ] = ()
    include: Annotated[
        tuple[Annotated[str, INSIDE], ...],
        Doc("Files and folders of the repository that are copied below {assets} under the same names."),
    ] = ()
    secrets: Annotated[
        Mapping[str, SecretSource],
        Doc("Secrets by reference: name of the plugin's variable, and the variable or file that holds the value."),
        Keys(pattern=VARIABLE),
    ] = field(default_factory=dict)
    socket: Annotated[str, Doc("Name of the socket below {run}, for a plugin that chooses it itself."), INSIDE] = (
        SOCKET_NAME
    )
    ready_timeout_s: Annotated[float, Doc("Seconds until the first good Status."), Above(0)] = DEFAULT_READY_TIMEOUT_S
    user: Annotated[
        str,
        Doc("User that the plugin runs as: name, uid or uid:gid; the runner's by default, an image's own in an image."),
    ] = ""
    system_packages: Annotated[
        tuple[str, ...], Doc("Debian packages that the running plugin needs; containers install them.")
    ] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """A KMS v2 plugin: what it is made from, how it runs, and what the suite should know about it."""

    name: Annotated[str, Doc("Name of the plugin in reports, without colon."), PLUGIN_NAME]
    run: Annotated[Run, Doc("How the plugin runs.")] = field(default_factory=Run)
    go: Annotated[PluginSource | None, Doc("The plugin is built from Go source.")] = None
    program: Annotated[Program | None, Doc("The plugin is a finished program.")] = None
    image: Annotated[Image | None, Doc("The plugin is a container image.")] = None
    services: Annotated[tuple[Service, ...], Doc("Processes that the plugin needs.")] = ()
    hooks: Annotated[
        Mapping[str, Hook],
        Doc("What only you can do to the plugin; without a hook the scenarios that need it are not run."),
        Keys(HOOKS),
    ] = field(default_factory=dict)
    kubernetes: Annotated[
        tuple[Annotated[str, _MINOR], ...],
        Doc("Kubernetes versions to test with; the newest supported one by default."),
    ] = ()
    resources: Annotated[
        Annotated[tuple[str, ...], NotEmpty()],
        Doc("Resources that control planes encrypt by default, Secrets among them."),
    ] = ("secrets",)
    expected: Annotated[
        Pairs, Doc("Scenarios that are expected to fail with this plugin: id, and the reason."), Keys(pattern=_SCENARIO)
    ] = ()
    migrate_to: Annotated[
        str, Doc("Folder or file of the configuration of a second plugin, for the migration between the two (E52).")
    ] = ""

    @property
    def source(self) -> PluginSource | Program | Image | None:
        """Return what the plugin is made from, None when the command needs nothing of the repository."""
        return self.go or self.program or self.image
