"""The reference plugin of this project: where its source is, and how it is run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.core.build_plan import PLUGIN_BINARY, PluginSource
from pipeline.core.plugin_spec import PluginSpec
from pipeline.errors import InputError

REFERENCE_SOURCE: Final = PluginSource(module="plugins/reference")
_PROJECT: Final = Path(__file__).resolve().parent.parent.parent
_PROGRAM: Final = f"{{assets}}/{PLUGIN_BINARY}"
_METRICS: Final = "unix://{socket}.metrics"
_SCRAPE: Final = ("{python}", "-m", "pipeline.host.scrape", _METRICS)
_KEY_RING: Final = ("--key-ring", "{state}/keyring.json")


def reference_root() -> Path:
    """Return the project's folder, which holds the reference plugin's source and its `.go-version`.

    Raises: InputError when this is not a checkout: the source is not part of the installed package.
    """
    if not (_PROJECT / REFERENCE_SOURCE.module / "go.mod").is_file():
        raise InputError(
            "the source of the reference plugin is not here",
            seen=f"no {REFERENCE_SOURCE.module}/go.mod",
            where=str(_PROJECT),
            next_step="name the source of a plugin, or run from a checkout of the project",
        )
    return _PROJECT


def reference_spec() -> PluginSpec:
    """Return how the reference plugin is run, and its hooks."""
    return PluginSpec(
        name="reference",
        argv=(_PROGRAM, "serve", "--listen", "unix://{socket}", "--metrics-listen", _METRICS, *_KEY_RING),
        hooks={
            "rotate": (_PROGRAM, "rotate", *_KEY_RING),
            "disable_old_key": (_PROGRAM, "disable", "--old", *_KEY_RING),
            "backend_calls": (*_SCRAPE, "kms_plugin_key_uses_total"),
            "metrics": _SCRAPE,
        },
    )
