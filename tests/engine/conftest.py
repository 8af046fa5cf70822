"""Tests on a real Dagger engine, by the `dagger` command that users run."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.engine.calls import VERSION, Call, call


@pytest.fixture(scope="session")
def dagger() -> Call:
    """Return the dagger command; without an engine a skip on a laptop and a failure with KMS_REQUIRE_ENGINE=1."""
    problem = _problem()
    if problem and os.environ.get("KMS_REQUIRE_ENGINE") == "1":
        pytest.fail(problem)
    if problem:
        pytest.skip(problem)
    return call


def _problem() -> str:
    if shutil.which("dagger") is None:
        return "no dagger command on PATH"
    found = call("version").stdout
    if VERSION not in found:
        return f"another Dagger than {VERSION}: {found.strip()}"
    answer = call("core", "version")
    return "" if answer.returncode == 0 else f"no Dagger engine answers: {answer.stderr.strip()[-300:]}"
