"""What a plugin's author writes runs as documented: own scenarios in one report with ours, and a plain pytest suite."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.result import Outcome
from pipeline.report.evidence import read_report

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
EXAMPLES = Path(__file__).parents[3] / "examples" / "plugin-suite"


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=170, check=False
    )


def test_an_own_scenario_is_in_one_report_with_ours(assets: Path, tmp_path: Path) -> None:
    own = str(EXAMPLES / "scenarios_own.py")
    words = ("--assets", str(assets.resolve()), "--report", "r", "--scenarios", own, "--id", "X01", "A02")
    done = run("-m", "pipeline.suite", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    report = read_report(tmp_path / "r")
    passed = {result.id for result in report.scenarios if result.outcome is Outcome.PASSED}
    assert passed == {"A02", "X01"}
    assert "B18" in {result.id for result in report.scenarios}
    assert "X01" in (tmp_path / "r" / "report.html").read_text()


def test_a_plain_pytest_suite_has_the_fixtures(assets: Path, tmp_path: Path) -> None:
    words = ("--kms-assets", str(assets.resolve()), "--kms-report", str(tmp_path / "r"), "-p", "no:cacheprovider")
    suite = str(EXAMPLES / "test_with_fixtures.py")
    done = run("-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", str(tmp_path), *words, suite, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    assert list((tmp_path / "r" / "logs").rglob("kube-apiserver.log"))
