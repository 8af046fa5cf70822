"""`upstream` on a real engine: Kubernetes' own tests with every resource encrypted, in success and failure."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from tests.engine.calls import Call

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(7200)]


def test_a_part_of_upstreams_tests_leaves_a_report(dagger: Call, tmp_path: Path) -> None:
    tests = "--focus=Secrets should (patch|be immutable|fail to create)"
    words = ("call", f"--run-id={uuid.uuid4().hex}", "upstream", tests)
    exported = dagger(*words, "directory", "export", f"--path={tmp_path}")
    verdict = dagger(*words, "verdict")
    assert (exported.returncode, verdict.returncode) == (0, 0), exported.stderr[-3000:]
    report = json.loads((tmp_path / "report.json").read_text())
    outcomes = {row["id"]: row["outcome"] for row in report["scenarios"] if row["id"] in report["planned"]}
    assert outcomes.pop("U02") in {"passed", "not run"}  # none of these tests is on the list
    assert outcomes == dict.fromkeys(("U01", "U03", "U04"), "passed")
    assert len(list(tmp_path.glob("junit*.xml"))) > 0


def test_a_selection_of_nothing_is_one_message(dagger: Call) -> None:
    failed = dagger("call", "upstream", "--focus=^no such test$", "verdict")
    assert failed.returncode == 1
    assert "no such test" in failed.stderr
    assert "Traceback" not in failed.stderr
