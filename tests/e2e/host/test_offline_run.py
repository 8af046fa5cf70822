"""The whole main job with the network cut, after `kms-e2e prefetch`.

KMS_E2E_OFFLINE=1 runs it from the user's cache, in some minutes. KMS_E2E_OFFLINE=empty prefetches into an empty cache
(4 GB), so that everything is compiled with the network cut too, which took 28 minutes beside other work.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HOW = os.environ.get("KMS_E2E_OFFLINE", "")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(HOW not in {"1", "empty"}, reason="it takes minutes; set KMS_E2E_OFFLINE=1, or =empty"),
]
ROOT = Path(__file__).parents[3]
CLI = [sys.executable, "-m", "pipeline.cli"]
ONLY_LOOPBACK = 'mount -t sysfs sysfs /sys && ip link set lo up && test "$(ls /sys/class/net)" = lo && exec "$@"'
PROGRAMS = {"kms-plugin", "etcd", "etcdutl", "kube-apiserver"}


def test_after_a_prefetch_the_main_job_needs_no_network(tmp_path: Path) -> None:
    empty = {"KMS_E2E_CACHE": str(tmp_path / "cache"), "HOME": str(tmp_path / "home")}
    environment = os.environ | (empty if HOW == "empty" else {})
    subprocess.run([*CLI, "prefetch"], cwd=ROOT, env=environment, check=True)
    assert not compiled(tmp_path / "cache")
    cut = ["unshare", "--net", "--mount", "sh", "-c", ONLY_LOOPBACK, "sh"]
    run = [*cut, *CLI, "run", "--fast", "--report", str(tmp_path / "report")]
    done = subprocess.run(run, cwd=ROOT, env=environment | {"GOPROXY": "off"}, check=False)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    red = {item["id"]: item["reason"] for item in report["scenarios"] if item["outcome"] in {"failed", "error"}}
    assert (done.returncode, red) == (0, {})
    assert compiled(tmp_path / "cache") >= (PROGRAMS if HOW == "empty" else set())


def compiled(cache: Path) -> set[str]:
    """Return the names of the binaries in a cache."""
    return {path.name for path in cache.glob("binaries/*/*") if not path.suffix}
