"""A run with parallel workers sends one test span for each planned scenario, by OTLP as Dagger receives it."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(BaseHTTPRequestHandler):
    """Take OTLP requests and keep their spans."""

    spans: list[Span]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Span]]]:
    """Run a collector on the loopback address; return where to send spans, and those that came."""
    spans: list[Span] = []
    handler = type("Handler", (Collector,), {"spans": spans})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", spans
        server.shutdown()


def test_there_are_as_many_spans_as_results(assets: Path, tmp_path: Path, collector: tuple[str, list[Span]]) -> None:
    endpoint, spans = collector
    traces = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint, "TRACEPARENT": f"00-{TRACE}-{PARENT}-01"}
    line = [sys.executable, "-m", "pipeline.suite", f"--assets={assets}", f"--report={tmp_path}"]
    line += ["--focus=^A0[1-9]", "--parallel=3"]
    subprocess.run(line, env=os.environ | traces, check=True, timeout=120)
    report = json.loads((tmp_path / "report.json").read_text())
    cases = [{item.key: item.value.string_value for item in span.attributes} for span in spans]
    names = sorted(case["test.case.name"].split()[0] for case in cases if "test.case.name" in case)
    assert len(names) > 3
    assert names == sorted(report["planned"])
    assert {case["test.case.result.status"] for case in cases if "test.case.name" in case} == {"pass"}
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    assert [span.parent_span_id.hex() for span in spans if span.name == "kms-e2e"] == [PARENT]
