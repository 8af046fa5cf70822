from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.harness.plugin import Plugin
from pipeline.harness.supervisor import Supervisor
from tests.doubles.spec import double_spec

MakeDouble = Callable[..., Plugin]


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
