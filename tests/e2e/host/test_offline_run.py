"""The whole main job with the network cut: KMS_E2E_OFFLINE=1 runs it, which takes minutes."""

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
    pytest.mark.skipif(os.environ.get("KMS_E2E_OFFLINE") != "1", reason="it takes minutes; set KMS_E2E_OFFLINE=1"),
]
ROOT = Path(__file__).parents[3]
CLI = [sys.executable, "-m", "pipeline.cli"]


def test_after_a_prefetch_the_main_job_needs_no_network(tmp_path: Path) -> None:
    subprocess.run([*CLI, "prefetch"], cwd=ROOT, check=True)
    script = 'ip link set lo up && test "$(ls /sys/class/net)" = lo && exec "$@"'
    words = ["unshare", "--net", "--mount", "sh", "-c", f"mount -t sysfs sysfs /sys && {script}", "sh"]
    run = [*CLI, "run", "--fast", "--report", str(tmp_path)]
    done = subprocess.run([*words, *run], cwd=ROOT, env=os.environ | {"GOPROXY": "off"}, check=False)
    report = json.loads((tmp_path / "report.json").read_text())
    red = {item["id"]: item["reason"] for item in report["scenarios"] if item["outcome"] in {"failed", "error"}}
    assert (done.returncode, red) == (0, {})
