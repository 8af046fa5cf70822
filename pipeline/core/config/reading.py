"""From the text of `kms-e2e.toml` to a `Config`, or one message with line, column and the closest valid key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pipeline.core.config.model import CONFIG_FILE, PYPROJECT_TABLE, Config
from pipeline.core.config.placeholders import placeholder_problems
from pipeline.core.config.positions import Path, Position, key_positions, nearest
from pipeline.core.kubernetes import find_release
from pipeline.core.plugin_spec import SecretSource, ServiceAction
from pipeline.core.strict import Misfit, read
from pipeline.errors import InputError

_AT: Final = re.compile(r"\(at line (?P<line>\d+), column (?P<column>\d+)\)")
_COVERS_SECRETS: Final = ("secrets", "*.", "*.*")
_REFERENCE: Final = 'TOKEN = { env = "CI_TOKEN" } or TOKEN = { file = "path" }'
_NEXT: Final = "correct the file; docs/plugin-authors.md describes every key"


def config_from_toml(text: str, *, where: str = CONFIG_FILE) -> Config:
    """Read a `kms-e2e.toml`; `where` is the file's name for messages.

    Raises: InputError, with line and column, when it is no TOML or does not fit.
    """
    return _read(_document(text, where), text, (), where)


def config_from_pyproject(text: str, *, where: str) -> Config | None:
    """Read the table `[tool.kms-e2e]` of a `pyproject.toml`; None when it has none.

    Raises: InputError, with line and column, when it is no TOML or does not fit.
    """
    table: object = _document(text, where)
    for name in PYPROJECT_TABLE:
        table = table.get(name) if isinstance(table, Mapping) else None
    return None if table is None else _read(table, text, PYPROJECT_TABLE, where)


def _document(text: str, where: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _AT.search(str(error))
        place = f"{where}:{match['line']}:{match['column']}" if match else f"{where}:{text.count(chr(10)) + 1}"
        what = _AT.sub("", str(error)).strip().removesuffix(" (at end of document)")
        raise InputError("the configuration is not TOML", seen=what, where=place, next_step=_NEXT) from error


def _read(table: object, text: str, prefix: Path, where: str) -> Config:
    try:
        config = read(Config, table)
        for problem in _problems(config):
            raise problem
    except Misfit as error:
        # Where a secret belongs, somebody may have written the secret itself.
        secret = "secrets" in error.path
        closest = f"did you mean {error.closest!r}? " if error.closest else ""
        raise InputError(
            error.what,
            seen=None if secret else error.seen,
            wanted=_REFERENCE if secret and not error.wanted else error.wanted,
            where=_place(key_positions(text), (*prefix, *error.path), where),
            next_step=closest + _NEXT,
        ) from None
    return config


def _place(positions: dict[Path, Position], path: Path, where: str) -> str:
    position = nearest(positions, path) or Position(1, 1)
    return f"{where}:{position}"


def _problems(config: Config) -> Iterator[Misfit]:
    yield from _source_problems(config)
    yield from _version_problems(config)
    yield from _service_problems(config)
    yield from placeholder_problems(config)
    yield from _secret_problems(config.run.secrets, ("run", "secrets"))
    for number, service in enumerate(config.services):
        yield from _secret_problems(service.secrets, ("services", number, "secrets"))
    if not set(config.resources) & set(_COVERS_SECRETS):
        wanted = "secrets among them, which the scenarios write"
        yield Misfit("resources leaves Secrets out", ("resources",), seen=", ".join(config.resources), wanted=wanted)
    for name, reason in config.expected:
        if not reason.strip():
            yield Misfit(f"expected.{name} names no reason", ("expected", name), wanted="why the plugin differs")


def _source_problems(config: Config) -> Iterator[Misfit]:
    named = [name for name in ("go", "program", "image") if getattr(config, name) is not None]
    if len(named) > 1:
        yield Misfit("the plugin is made from two things", (named[1],), seen=" and ".join(named), wanted="one of them")
    if config.image is not None and bool(config.image.archive) == bool(config.image.reference):
        yield Misfit("the image must come from one place", ("image",), wanted="either archive or reference")
    if not config.run.argv and config.image is None:
        wanted = 'argv = ["{assets}/kms-plugin", "--listen=unix://{socket}"] in the table [run]'
        yield Misfit("run.argv is missing", ("run",), wanted=wanted)


def _version_problems(config: Config) -> Iterator[Misfit]:
    for number, version in enumerate(config.kubernetes):
        try:
            find_release(version)
        except InputError as error:
            yield Misfit(error.what, ("kubernetes", number), seen=version, wanted=error.wanted or "")


def _service_problems(config: Config) -> Iterator[Misfit]:
    names = [service.name for service in config.services]
    for number, service in enumerate(config.services):
        if service.name in names[:number]:
            yield Misfit("two services have one name", ("services", number, "name"), seen=service.name)
        for other in service.after:
            if other not in names[:number]:
                wanted = "a service above this one; services start in the order of the file"
                path = ("services", number, "after")
                yield Misfit(f"{service.name} comes after no such service", path, seen=other, wanted=wanted)
    for hook, action in config.hooks.items():
        if isinstance(action, ServiceAction):
            yield from _action_problems(hook, action, names)


def _action_problems(hook: str, action: ServiceAction, names: Sequence[str]) -> Iterator[Misfit]:
    if sum(map(bool, (action.stop, action.start, action.pause))) != 1:
        yield Misfit(f"hooks.{hook} must stop, start or pause one service", ("hooks", hook))
    if action.service not in names:
        wanted = ", ".join(names) or "a table [[services]]"
        yield Misfit(f"hooks.{hook} names no such service", ("hooks", hook), seen=action.service, wanted=wanted)


def _secret_problems(secrets: Mapping[str, SecretSource], path: Path) -> Iterator[Misfit]:
    for name, secret in secrets.items():
        if bool(secret.env) == bool(secret.file):
            yield Misfit(f"secret {name} must come from one place", (*path, name), wanted="either env or file")
