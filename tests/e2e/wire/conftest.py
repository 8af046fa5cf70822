from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.core.plugin_spec import PluginSpec
from pipeline.harness.plugin import Plugin
from pipeline.harness.supervisor import Supervisor

DOUBLE = Path(__file__).parents[2] / "doubles/kms_plugin.py"
MakeDouble = Callable[..., Plugin]


def double_spec(fault: str = "", ready_timeout_s: float = 20.0) -> PluginSpec:
    argv = (sys.executable, str(DOUBLE), "--listen", "unix://{socket}", "--state", "{state}")
    return PluginSpec(
        name="double",
        argv=(*argv, "--fault", fault) if fault else argv,
        ready_timeout_s=ready_timeout_s,
        hooks={
            "rotate": (sys.executable, str(DOUBLE), "--state", "{state}", "--rotate"),
            "backend_calls": ("wc", "-c", "{state}/uses"),
            "metrics": ("cat", "{state}/metrics.txt"),
        },
    )


@pytest.fixture
def make_double(tmp_path: Path) -> Iterator[MakeDouble]:
    """Return a function that prepares a double, not started yet."""
    with ExitStack() as stack:

        def make(fault: str = "", ready_timeout_s: float = 20.0) -> Plugin:
            supervisor = stack.enter_context(Supervisor("double", logs=tmp_path / "logs"))
            plugin = Plugin(double_spec(fault, ready_timeout_s), supervisor, assets=tmp_path)
            stack.callback(plugin.client.close)
            return plugin

        yield make
