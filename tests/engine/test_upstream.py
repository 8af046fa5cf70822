"""`upstream` on a real engine: Kubernetes' own tests with every resource encrypted, in success and failure."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from tests.engine.calls import Call

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(7200)]


def test_a_part_of_upstreams_tests_leaves_a_report(dagger: Call, tmp_path: Path) -> None:
    words = ("call", f"--run-id={uuid.uuid4().hex}", "upstream", "--focus=Secrets should be able to")
    exported = dagger(*words, "directory", "export", f"--path={tmp_path}")
    assert exported.returncode == 0, exported.stderr[-3000:]
    print(sorted(path.name for path in tmp_path.iterdir()))
    verdict = dagger(*words, "verdict")
    print(json.loads((tmp_path / "report.json").read_text()).keys())
    assert verdict.returncode == 0, verdict.stderr[-2000:]
