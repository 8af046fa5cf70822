"""From the author's configuration to the specification that the suite runs."""

from __future__ import annotations

from pipeline.core.config.model import Config
from pipeline.core.plugin_spec import PluginSpec

ROOT_FOLDER = "root"
"""Where the root file system of an image lies in the folder of binaries."""


def plugin_spec(config: Config, *, image_argv: tuple[str, ...] = (), image_user: str = "") -> PluginSpec:
    """Return how the suite runs a configured plugin.

    `image_argv` and `image_user` are the image's own entry point and user, for a plugin that is an image.
    """
    run = config.run
    return PluginSpec(
        name=config.name,
        argv=run.argv or image_argv,
        env=run.env,
        ready_timeout_s=run.ready_timeout_s,
        hooks=config.hooks,
        files=run.files,
        secrets=run.secrets,
        socket=run.socket,
        user=run.user or image_user,
        root=ROOT_FOLDER if config.image else "",
        services=config.services,
        resources=config.resources,
        expected=config.expected,
        system_packages=run.system_packages,
    )
