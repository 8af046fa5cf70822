"""The programs of upstream's tests, from the cache or built (minutes)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.app import run
from pipeline.core.components import CLUSTER, UPSTREAM_TESTS


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    words = [word for name in (*CLUSTER, *UPSTREAM_TESTS) for word in ("--component", name)]
    assert run(["build", "--output", str(folder), *words]) == 0
    return folder
