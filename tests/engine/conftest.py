"""Tests on a real Dagger engine, by the `dagger` command that users run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = "v0.21.8"
CALL_TIMEOUT_S = 1800

Call = Callable[..., "subprocess.CompletedProcess[str]"]


def _dagger(*words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"NO_COLOR": "1", "DAGGER_NO_NAG": "1"}
    return subprocess.run(
        ["dagger", *words],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=CALL_TIMEOUT_S,
        check=False,
    )


@pytest.fixture(scope="session")
def dagger() -> Call:
    """Return the dagger command; without an engine a skip on a laptop and a failure with KMS_REQUIRE_ENGINE=1."""
    problem = _problem()
    if problem and os.environ.get("KMS_REQUIRE_ENGINE") == "1":
        pytest.fail(problem)
    if problem:
        pytest.skip(problem)
    return _dagger


def _problem() -> str:
    if shutil.which("dagger") is None:
        return "no dagger command on PATH"
    found = _dagger("version").stdout
    if VERSION not in found:
        return f"another Dagger than {VERSION}: {found.strip()}"
    answer = _dagger("core", "version")
    return "" if answer.returncode == 0 else f"no Dagger engine answers: {answer.stderr.strip()[-300:]}"
