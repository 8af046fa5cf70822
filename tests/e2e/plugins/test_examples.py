"""The example plugins run from their kms-e2e.toml, with a report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli.app import run
from pipeline.core.result import Outcome
from pipeline.report.evidence import read_report
from tests.doubles.spec import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

EXAMPLES = ROOT / "examples" / "plugins"
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "canary-pin-40177"
Run = Callable[..., dict[str, Outcome]]


@pytest.fixture
def run_example(assets: Path, tmp_path: Path) -> Run:
    """Build an example without a control plane, add the one that is there, and run scenarios."""

    def start(config: Path, *ids: str) -> dict[str, Outcome]:
        folder, report = tmp_path / "assets", tmp_path / "report"
        assert run(["build", "--config", str(config), "--kubernetes", "", "--output", str(folder)]) == 0
        for name in ("kube-apiserver", "etcd", "etcdutl"):
            shutil.copy2(assets / name, folder / name)
        words = [word for name in ids for word in ("--id", name)]
        assert run(["run", "--assets", str(folder), "--report", str(report), *words]) == 0
        return {item.id: item.outcome for item in read_report(report).scenarios if item.id in ids}

    return start


def passed(*ids: str) -> dict[str, Outcome]:
    return dict.fromkeys(ids, Outcome.PASSED)


def test_a_plugin_in_python(run_example: Run) -> None:
    ids = ("A01", "A05", "A10", "A14", "B20", "C31")
    assert run_example(EXAMPLES / "python", *ids) == passed(*ids)


def test_a_plugin_whose_key_server_breaks_hangs_and_heals(run_example: Run) -> None:
    ids = ("A04", "A05", "D46", "D81")
    assert run_example(EXAMPLES / "python" / "key-server.toml", *ids) == passed(*ids)


@pytest.mark.slow
def test_two_plugins_and_back(run_example: Run, tmp_path: Path) -> None:
    assert run_example(EXAMPLES / "python" / "key-server.toml", "E52") == passed("E52")
    log = (tmp_path / "report" / "report.json").read_text()
    assert "python of provider-b stopped" in log
    assert "python-key-server of " in log


@pytest.mark.skipif(not SOFTHSM.exists(), reason="SoftHSM is not installed (Debian: softhsm2)")
@pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler")
def test_a_plugin_on_a_pkcs11_token(run_example: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "HSM_PIN", PIN)
    ids = ("A01", "A05", "A10", "A14", "C31")
    assert run_example(EXAMPLES / "softhsm", *ids) == passed(*ids)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size < 8 << 20]
    assert not [path for path in written if PIN.encode() in path.read_bytes()]
