"""How to run the KMS plugin under test, and what only its author can do to it (the hooks).

A `plugin.json` in a folder of binaries holds one `PluginSpec`; `kms-e2e build` writes it from the author's
`kms-e2e.toml`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Final

from pipeline.core.strict import Above, Doc, Keys, Misfit, NotEmpty, Pairs, Pattern, read
from pipeline.errors import InputError

HOOKS: Final = (
    "rotate",
    "reinstate",
    "disable_old_key",
    "break_backend",
    "heal_backend",
    "hang_backend",
    "restart",
    "backend_calls",
    "metrics",
    "serve_v1",
    "other_version",
)
DEFAULT_READY_TIMEOUT_S: Final = 30.0
SOCKET_NAME: Final = "kms.sock"
SECOND_FOLDER: Final = "second"
"""Where in a folder of binaries a second plugin lies, with a plugin.json of its own."""
_RELATIVE: Final = r"(?!/)(?!.*(^|/)\.\.(/|$)).+"

Argv = Annotated[tuple[str, ...], NotEmpty()]
NAME: Final = Pattern(r"[A-Za-z0-9][A-Za-z0-9._-]*", "letters, digits, '.', '_' and '-'")
PLUGIN_NAME: Final = Pattern(r"[^:]+", "a text without colon")
VARIABLE: Final = Pattern(r"[A-Za-z_][A-Za-z0-9_]*", "a name of an environment variable")
INSIDE: Final = Pattern(_RELATIVE, "a relative path without '..'")


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret comes from, and where the plugin finds it. The value is never written down or shown."""

    env: Annotated[str, Doc("Environment variable of the run that holds the secret.")] = ""
    file: Annotated[str, Doc("File that holds the secret, below the home folder when it begins with ~.")] = ""
    to_file: Annotated[
        str, Doc("File that the plugin reads, such as {state}/token; an environment variable without it.")
    ] = ""

    @property
    def uri(self) -> str:
        """Return the reference as Dagger writes it, such as `env://TOKEN`."""
        return f"env://{self.env}" if self.env else f"file://{self.file}"


@dataclass(frozen=True, slots=True)
class ServiceAction:
    """A hook that does something to a side service instead of running a command."""

    stop: Annotated[str, Doc("Name of the side service to stop.")] = ""
    start: Annotated[str, Doc("Name of the side service to start again, or to let go on after a pause.")] = ""
    pause: Annotated[
        str, Doc("Name of the side service to pause: its socket still takes connections, and nobody answers.")
    ] = ""

    @property
    def service(self) -> str:
        """Return the name of the service that it is about."""
        return self.stop or self.start or self.pause


Hook = Argv | ServiceAction


@dataclass(frozen=True, slots=True)
class Ready:
    """When a side service counts as ready; it counts as ready at once when nothing is said."""

    socket: Annotated[str, Doc("Unix socket that takes a connection, such as {services}/keys.sock.")] = ""
    tcp: Annotated[str, Doc("Address that takes a connection, such as 127.0.0.1:{port.keys}.")] = ""
    command: Annotated[tuple[str, ...], Doc("Command that ends with exit code 0.")] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """A process that the plugin needs: an emulator, a key server. One for each control plane, started before it."""

    name: Annotated[str, Doc("Name of the service, for logs, hooks and the placeholder {port.NAME}."), NAME]
    argv: Annotated[Argv, Doc("Command of the service.")]
    env: Annotated[Pairs, Doc("Further environment variables."), Keys(pattern=VARIABLE)] = ()
    secrets: Annotated[Mapping[str, SecretSource], Doc("Secrets of the service."), Keys(pattern=VARIABLE)] = field(
        default_factory=dict
    )
    after: Annotated[tuple[str, ...], Doc("Services that must be ready before this one starts.")] = ()
    ready: Annotated[Ready, Doc("When the service counts as ready.")] = field(default_factory=Ready)
    ready_timeout_s: Annotated[float, Doc("Seconds until the service is ready."), Above(0)] = DEFAULT_READY_TIMEOUT_S


def secret_references(
    secrets: Mapping[str, SecretSource], services: Sequence[Service]
) -> tuple[tuple[str, SecretSource], ...]:
    """Return the secrets of a plugin and of its side services by name, those of the services last."""
    return tuple(item for table in (secrets, *(service.secrets for service in services)) for item in table.items())


@dataclass(frozen=True, slots=True)
class PluginSpec:
    """One plugin under test.

    Words, values and paths may hold the placeholders `{socket}` (the socket's file path), `{run}` (the socket's private
    folder), `{state}` (a private folder that outlives a restart of the plugin), `{services}` (a private folder of the
    side services), `{port.NAME}` (a free TCP port for a service), `{assets}` (the folder of binaries) and `{python}`
    (the interpreter that the suite runs with). `ready_timeout_s` is how long the plugin may take until its first good
    Status, in seconds, 30 by default. A hook that is absent makes the scenarios that need it *not run*.
    `backend_calls` prints how often the backend has used a key so far, a number as its first word; `metrics` prints
    what the plugin shows as metrics. `root` is the folder of a root file system in the folder of binaries that the
    plugin runs in by chroot, empty for none; `workdir` is the folder in it where the plugin starts, `/` by default.
    `user` is `name` or `uid`, with `:group` or `:gid` for another group than the user's own; the runner's own user by
    default.
    `expected` names the scenarios that are expected to fail, each with the reason.
    `serve_v1` and `other_version` are no commands that end but take the place of `argv`: the plugin with KMS v1, and
    another version of it, such as the release that is in use.
    """

    name: Annotated[str, PLUGIN_NAME]
    argv: Argv
    env: Pairs = ()
    ready_timeout_s: Annotated[float, Above(0)] = DEFAULT_READY_TIMEOUT_S
    hooks: Annotated[Mapping[str, Hook], Keys(HOOKS)] = field(default_factory=dict)
    files: Pairs = ()
    secrets: Mapping[str, SecretSource] = field(default_factory=dict)
    socket: Annotated[str, INSIDE] = SOCKET_NAME
    user: str = ""
    root: str = ""
    workdir: str = ""
    services: tuple[Service, ...] = ()
    resources: tuple[str, ...] = ("secrets",)
    expected: Pairs = ()
    system_packages: tuple[str, ...] = ()

    def expand(self, words: Sequence[str], **values: str) -> list[str]:
        """Return `words` with the placeholders replaced by `values`."""
        return [replace_placeholders(word, values) for word in words]

    def all_secrets(self) -> tuple[tuple[str, SecretSource], ...]:
        """Return the secrets of the plugin and of its side services by name."""
        return secret_references(self.secrets, self.services)

    def hook_words(self, name: str) -> tuple[str, ...]:
        """Return the command of a hook.

        Raises: InputError when the hook is no command.
        """
        hook = self.hooks[name]
        if isinstance(hook, ServiceAction):
            raise InputError(f"hook {name} must be a command", seen=repr(hook), wanted="a list of words")
        return hook

    def to_json(self) -> str:
        """Return the specification as the text of a `plugin.json`."""
        document = asdict(self)
        for table in (document, *document["services"]):
            table.update({name: dict(table[name]) for name in ("env", "files", "expected") if name in table})
        return json.dumps(document, indent=2) + "\n"


def plugin_spec_from_json(text: str, *, where: str) -> PluginSpec:
    """Read a `plugin.json`.

    Raises: InputError when it is no JSON object, a field is missing, unknown or of another type.
    """
    try:
        return read(PluginSpec, json.loads(text))
    except Misfit as error:
        raise InputError(error.what, seen=error.seen, wanted=error.wanted, where=where) from error
    except ValueError as error:
        raise InputError("the plugin's description is not JSON", seen=str(error), where=where) from error


def replace_placeholders(word: str, values: Mapping[str, str]) -> str:
    """Return `word` with each `{name}` of `values` replaced; other braces stay."""
    for name, value in values.items():
        word = word.replace("{" + name + "}", value)
    return word
