"""Where the loopback interface is down, a run says so at once and does not wait for kube-apiserver to give up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.harness.ports import assert_loopback

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]
ROOT = Path(__file__).parents[3]


def alone(*words: str) -> list[str]:
    """Return a command that runs in a network namespace of its own, where loopback is down."""
    return ["unshare", "--net", "--map-root-user", *words]


def test_a_loopback_that_is_down_ends_with_2_and_one_message(assets: Path, tmp_path: Path) -> None:
    if subprocess.run(alone("true"), check=False).returncode:
        pytest.skip("this machine gives no network namespace")
    run = (sys.executable, "-m", "pipeline.cli", "run", "--id", "B18", "--assets", assets, "--report", tmp_path / "r")
    done = subprocess.run(alone(*map(str, run)), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: kube-apiserver could not be reached on the loopback interface\n")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "r").exists()


def test_the_twin_where_it_is_up_nothing_is_said() -> None:
    assert_loopback()
