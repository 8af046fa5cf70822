"""Every scenario is one test span in Dagger's trace, also with parallel workers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.doubles.collector import cases_of, collecting
from tests.engine.calls import Call

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(3600)]


def test_there_are_as_many_spans_as_results(dagger: Call, tmp_path: Path) -> None:
    export = ("directory", "export", f"--path={tmp_path}")
    with collecting() as (endpoint, spans):
        variables = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        answer = dagger("call", "report", "--focus=^A0[1-9]", "--parallel=3", *export, env=variables)
        assert answer.returncode == 0, answer.stderr[-2000:]
    names = sorted(case["test.case.name"].split()[0] for case in cases_of(spans))
    assert len(names) > 3
    assert names == sorted(json.loads((tmp_path / "report.json").read_text())["planned"])
