"""A run with parallel workers sends one test span for each planned scenario, by OTLP as Dagger receives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.doubles.collector import cases_of, collecting

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_there_are_as_many_spans_as_results(assets: Path, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "pipeline.suite", f"--assets={assets}", f"--report={tmp_path}"]
    line += ["--focus=^A0[1-9]", "--parallel=3"]
    with collecting() as (endpoint, spans):
        traces = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint, "TRACEPARENT": f"00-{TRACE}-{PARENT}-01"}
        subprocess.run(line, env=os.environ | traces, check=True, timeout=120)
    report = json.loads((tmp_path / "report.json").read_text())
    cases = cases_of(spans)
    names = sorted(case["test.case.name"].split()[0] for case in cases)
    assert len(names) > 3
    assert names == sorted(report["planned"])
    assert {case["test.case.result.status"] for case in cases} == {"pass"}
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    assert [span.parent_span_id.hex() for span in spans if span.name == "kms-e2e"] == [PARENT]
