"""How to run the Python plugin that is broken on request."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from pipeline.core.plugin_spec import PluginSpec

ROOT: Final = Path(__file__).parents[2]


def double_spec(fault: str = "", ready_timeout_s: float = 20.0) -> PluginSpec:
    """Return the double with a fault, healthy without one; `tests/doubles/double_methods.py` lists the faults."""
    command = (sys.executable, "-m", "tests.doubles.kms_plugin")
    argv = (*command, "--listen", "unix://{socket}", "--state", "{state}")
    return PluginSpec(
        name="double",
        argv=(*argv, "--fault", fault) if fault else argv,
        env=(("PYTHONPATH", str(ROOT)),),
        ready_timeout_s=ready_timeout_s,
        hooks={
            "rotate": (*command, "--state", "{state}", "--rotate"),
            "reinstate": (*command, "--state", "{state}", "--reinstate", "{key_id}"),
            "backend_calls": ("wc", "-c", "{state}/uses"),
            "metrics": ("cat", "{state}/metrics.txt"),
        },
    )
