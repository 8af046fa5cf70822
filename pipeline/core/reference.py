"""The reference plugin of this project: where its source is below the project's root, and how it is run."""

from __future__ import annotations

from typing import Final

from pipeline.core.build_plan import PLUGIN_BINARY, PluginSource
from pipeline.core.plugin_spec import PluginSpec

REFERENCE_SOURCE: Final = PluginSource(module="plugins/reference")
_PROGRAM: Final = f"{{assets}}/{PLUGIN_BINARY}"
_METRICS: Final = "unix://{socket}.metrics"
_SCRAPE: Final = ("{python}", "-m", "pipeline.host.scrape", _METRICS)
_RING: Final = "{state}/keyring.json"
_RING_AWAY: Final = "{state}/keyring.away"
_KEY_RING: Final = ("--key-ring", _RING)


def reference_spec() -> PluginSpec:
    """Return how the reference plugin is run, and its hooks."""
    return PluginSpec(
        name="reference",
        argv=(_PROGRAM, "serve", "--listen", "unix://{socket}", "--metrics-listen", _METRICS, *_KEY_RING),
        hooks={
            "rotate": (_PROGRAM, "rotate", *_KEY_RING),
            "reinstate": (_PROGRAM, "rotate", "--reinstate", "{key_id}", *_KEY_RING),
            "disable_old_key": (_PROGRAM, "disable", "--old", *_KEY_RING),
            "break_backend": ("mv", _RING, _RING_AWAY),
            "heal_backend": ("mv", _RING_AWAY, _RING),
            "backend_calls": (*_SCRAPE, "kms_plugin_key_uses_total"),
            "metrics": _SCRAPE,
            "serve_v1": (_PROGRAM, "serve", "--kms-v1", "--listen", "unix://{socket}", *_KEY_RING),
        },
    )
