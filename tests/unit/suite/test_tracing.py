"""Scenarios as OpenTelemetry test spans: one each, with the outcome that the report has."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from pipeline.core.result import Level, NotRun, Outcome, ScenarioResult, Subject
from pipeline.suite.tracing import ENDPOINTS, SpanWriter, spans_of, trace_parent

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def result(name: str, outcome: Outcome, reason: str = "") -> ScenarioResult:
    return ScenarioResult(
        name, "a title", "A", Level.MUST, "", Subject.PLUGIN, outcome, reason, started_at=1000.0, duration_s=2.5
    )


def spans(*results: ScenarioResult) -> tuple[ReadableSpan, ...]:
    """Return the spans of these results, that of the suite last."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    writer = SpanWriter(provider, trace_parent({"TRACEPARENT": PARENT}))
    for item in results:
        writer.add(item)
    writer.end()
    return exporter.get_finished_spans()


def test_each_result_is_one_span_below_the_suites_own() -> None:
    *cases, suite = spans(result("A01", Outcome.PASSED), result("A02", Outcome.NOT_RUN, NotRun.HOOK_MISSING))
    assert [span.attributes and span.attributes["test.case.name"] for span in cases] == ["A01 a title", "A02 a title"]
    assert [span.attributes and span.attributes["test.case.result.status"] for span in cases] == ["pass", "skipped"]
    assert {span.parent and span.parent.span_id for span in cases} == {suite.context.span_id}
    assert suite.parent is not None
    assert f"{suite.parent.trace_id:032x}-{suite.parent.span_id:016x}" == PARENT[3:-3]
    assert (cases[0].start_time, cases[0].end_time) == (1_000_000_000_000, 1_002_500_000_000)


@pytest.mark.parametrize(
    ("outcome", "reason", "case", "suite"),
    [
        (Outcome.PASSED, "", "pass", "success"),
        (Outcome.FAILED, "saw 1, wanted 2", "fail", "failure"),
        (Outcome.ERROR, "it left no record", "fail", "failure"),
        (Outcome.NOT_RUN, NotRun.SOAK, "skipped", "failure"),  # nothing passed
        (Outcome.NOT_RUN, NotRun.INTERRUPTED, "aborted", "aborted"),
    ],
)
def test_outcomes_have_the_words_that_dagger_shows(outcome: Outcome, reason: str, case: str, suite: str) -> None:
    one, whole = spans(result("A01", outcome, reason))
    assert one.attributes is not None
    assert whole.attributes is not None
    assert one.attributes["test.case.result.status"] == case
    assert whole.attributes["test.suite.run.status"] == suite
    assert (one.status.status_code is StatusCode.ERROR) == (case == "fail")
    assert one.attributes.get("kms_e2e.reason", "") == reason


@pytest.mark.parametrize("environment", [{}, {ENDPOINTS[0]: "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}])
def test_without_a_place_for_spans_nothing_is_loaded(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with spans_of(environment) as add:
        add(result("A01", Outcome.PASSED))
