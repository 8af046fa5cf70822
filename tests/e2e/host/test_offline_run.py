"""The whole main job with the network cut, from an empty cache: KMS_E2E_OFFLINE=1 runs it (15 minutes, 4 GB)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(os.environ.get("KMS_E2E_OFFLINE") != "1", reason="it takes 15 minutes; set KMS_E2E_OFFLINE=1"),
]
ROOT = Path(__file__).parents[3]
CLI = [sys.executable, "-m", "pipeline.cli"]
ONLY_LOOPBACK = 'mount -t sysfs sysfs /sys && ip link set lo up && test "$(ls /sys/class/net)" = lo && exec "$@"'


def test_after_a_prefetch_the_main_job_compiles_and_runs_without_a_network(tmp_path: Path) -> None:
    environment = os.environ | {"KMS_E2E_CACHE": str(tmp_path / "cache"), "HOME": str(tmp_path / "home")}
    subprocess.run([*CLI, "prefetch"], cwd=ROOT, env=environment, check=True)
    assert compiled(tmp_path / "cache") == set()
    cut = ["unshare", "--net", "--mount", "sh", "-c", ONLY_LOOPBACK, "sh"]
    run = [*cut, *CLI, "run", "--fast", "--report", str(tmp_path / "report")]
    done = subprocess.run(run, cwd=ROOT, env=environment | {"GOPROXY": "off"}, check=False)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    red = {item["id"]: item["reason"] for item in report["scenarios"] if item["outcome"] in {"failed", "error"}}
    assert (done.returncode, red) == (0, {})
    assert compiled(tmp_path / "cache") >= {"kms-plugin", "etcd", "etcdutl", "kube-apiserver"}


def compiled(cache: Path) -> set[str]:
    """Return the names of the binaries in a cache."""
    return {path.name for path in cache.glob("binaries/*/*") if path.suffix == ""}
