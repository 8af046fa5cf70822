"""Find placeholders of a configuration that mean nothing, such as `{sokcet}` or the port of no service."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Final

from pipeline.core.config.model import Config
from pipeline.core.config.positions import Path
from pipeline.core.plugin_spec import ServiceAction
from pipeline.core.strict import Misfit

_NAMES: Final = ("socket", "run", "state", "services", "assets", "python")
_PORT: Final = "port."
_BRACES: Final = re.compile(r"(?<![${])\{([a-z]+(?:\.[A-Za-z0-9._-]+)?)\}(?!\})")
"""A name in single braces; `${name}` is a shell's and `{{name}}` a template's."""
_RESEMBLES: Final = 0.75
"""How alike (difflib) a name must be to be taken for a misspelt one: other braces are the plugin's own, as awk's."""


def placeholder_problems(config: Config) -> Iterator[Misfit]:
    """Yield a problem for each placeholder that resembles a known one, and each port of a service that is not there."""
    names = [*_NAMES, *(f"{_PORT}{service.name}" for service in config.services)]
    for path, word in _words(config):
        for found in _BRACES.findall(word):
            close = difflib.get_close_matches(found, names, n=1, cutoff=_RESEMBLES)
            if found not in names and (close or found.startswith(_PORT)):
                yield Misfit(
                    "there is no such placeholder",
                    path,
                    seen="{" + found + "}",
                    wanted=", ".join("{" + name + "}" for name in names),
                    closest="{" + close[0] + "}" if close else "",
                )


def _words(config: Config) -> Iterator[tuple[Path, str]]:
    """Yield the words of a configuration; not the texts of its files, whose braces may mean anything."""
    run = config.run
    yield from _listed(run.argv, ("run", "argv"))
    yield from ((("run", "env", name), value) for name, value in run.env)
    yield from ((("run", "files", name), name) for name, _ in run.files)
    yield from ((("run", "secrets", name), secret.to_file) for name, secret in run.secrets.items())
    for name, hook in config.hooks.items():
        if not isinstance(hook, ServiceAction):
            yield from _listed(hook, ("hooks", name))
    for number, service in enumerate(config.services):
        at: Path = ("services", number)
        yield from _listed(service.argv, (*at, "argv"))
        yield from (((*at, "env", name), value) for name, value in service.env)
        yield from (((*at, "secrets", name), secret.to_file) for name, secret in service.secrets.items())
        yield from (((*at, "ready", name), getattr(service.ready, name)) for name in ("socket", "tcp"))
        yield from _listed(service.ready.command, (*at, "ready", "command"))


def _listed(words: tuple[str, ...], path: Path) -> Iterator[tuple[Path, str]]:
    return (((*path, number), word) for number, word in enumerate(words))
