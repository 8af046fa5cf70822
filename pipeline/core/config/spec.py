"""From the author's configuration to the specification that the suite runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.core.config.model import Config
from pipeline.core.plugin_spec import PluginSpec
from pipeline.core.strict import Pairs
from pipeline.errors import InputError

ROOT_FOLDER: Final = "root"
"""Where the root file system of an image lies in the folder of binaries."""

NOBODY: Final = "65532:65532"
"""Who an image without a user of its own runs as: `nonroot` of the distroless images."""


@dataclass(frozen=True, slots=True)
class ImageStart:
    """How a container image starts: its entry point with the default words, environment, user and working folder."""

    argv: tuple[str, ...]
    env: Pairs
    user: str
    workdir: str = ""


def plugin_spec(config: Config, *, image: ImageStart | None = None) -> PluginSpec:
    """Return how the suite runs a configured plugin; `image` says how its image starts, if it is one.

    Raises: InputError when neither the configuration nor the image names a command.
    """
    run = config.run
    argv = run.argv or (image.argv if image else ())
    if not argv:
        raise InputError(
            "neither the image nor the configuration names a command",
            wanted="an entry point, or run.argv",
            where=f"plugin {config.name}",
            next_step="write argv in the table [run]",
        )
    return PluginSpec(
        name=config.name,
        argv=argv,
        env=tuple({**dict(image.env if image else ()), **dict(run.env)}.items()),
        ready_timeout_s=run.ready_timeout_s,
        hooks=config.hooks,
        files=run.files,
        secrets=run.secrets,
        socket=run.socket,
        user=run.user or (image.user or NOBODY if image else ""),
        root=ROOT_FOLDER if image else "",
        workdir=image.workdir if image else "",
        services=config.services,
        resources=config.resources,
        expected=config.expected,
        system_packages=run.system_packages,
    )
