"""Every scenario as an OpenTelemetry test span, for Dagger's terminal UI and any backend that speaks OTLP.

Spans are sent where the standard variables say so (OTEL_EXPORTER_OTLP_ENDPOINT or …_TRACES_ENDPOINT; Dagger sets them,
and TRACEPARENT, for every exec). The process that controls the run makes them from the results, one for each
planned scenario, so that parallel workers add none. Nothing that goes wrong with them changes the run.

Source: `test.*` of OpenTelemetry's semantic conventions, and the values beside them that Dagger 0.21 shows.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from pipeline import __version__
from pipeline.core.result import Outcome, ScenarioResult
from pipeline.report.evidence import is_interrupted

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider

SUITE: Final = "kms-e2e"
"""Name of the suite and of its span."""

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_DISABLED: Final = "OTEL_SDK_DISABLED"
_STATUS: Final = {
    Outcome.PASSED: "pass",
    Outcome.FAILED: "fail",
    Outcome.ERROR: "fail",
    Outcome.NOT_RUN: "skipped",
}
_SHUTDOWN_MS: Final = 10_000

Add = Callable[[ScenarioResult], None]


class SpanWriter:
    """A span for the suite and, as each result comes, one below it for the scenario."""

    def __init__(self, provider: TracerProvider, parent: Context | None = None) -> None:
        """Begin the suite's span below `parent`, by default as the root of a trace."""
        self._provider = provider
        self._tracer = provider.get_tracer(SUITE, __version__)
        self._suite = self._tracer.start_span(SUITE, context=parent, attributes={"test.suite.name": SUITE})
        self._statuses: set[str] = set()

    def add(self, result: ScenarioResult) -> None:
        """Write the span of a scenario that has ended, with the times of its result."""
        from opentelemetry.trace import Status, StatusCode, set_span_in_context  # noqa: PLC0415 - see `spans_of`

        status = "aborted" if is_interrupted(result) else _STATUS[result.outcome]
        self._statuses.add(status)
        began = result.started_at or time.time()
        attributes = {
            "test.suite.name": SUITE,
            "test.case.name": f"{result.id} {result.title}",
            "test.case.result.status": status,
            "kms_e2e.level": str(result.level),
            "kms_e2e.subject": str(result.subject),
            **({"kms_e2e.reason": result.reason} if result.reason else {}),
        }
        span = self._tracer.start_span(
            f"{result.id} {result.title}",
            context=set_span_in_context(self._suite),
            attributes=attributes,
            start_time=_nanoseconds(began),
        )
        if result.outcome in {Outcome.FAILED, Outcome.ERROR}:
            span.set_status(Status(StatusCode.ERROR, result.reason))
        span.end(_nanoseconds(began + result.duration_s))

    def end(self) -> None:
        """End the suite's span and send what is left. A run in which nothing passed is no success."""
        passed = "pass" in self._statuses and "fail" not in self._statuses
        status = "aborted" if "aborted" in self._statuses else "success" if passed else "failure"
        self._suite.set_attribute("test.suite.run.status", status)
        self._suite.end()
        self._provider.force_flush(_SHUTDOWN_MS)
        self._provider.shutdown()


@contextlib.contextmanager
def spans_of(environment: Mapping[str, str]) -> Iterator[Add]:
    """Yield what takes each result; it does nothing where no variable names a place for spans.

    OpenTelemetry is imported only when there is such a place: that takes half a second.
    """
    if environment.get(_DISABLED, "").lower() == "true" or not any(environment.get(name) for name in ENDPOINTS):
        yield lambda _result: None
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": SUITE}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=500))
    writer = SpanWriter(provider, trace_parent(environment))
    try:
        yield writer.add
    finally:
        writer.end()


def trace_parent(environment: Mapping[str, str]) -> Context:
    """Return the context that a caller hands on by TRACEPARENT and TRACESTATE (W3C Trace Context)."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    names = ("traceparent", "tracestate")
    carrier = {name: environment[name.upper()] for name in names if name.upper() in environment}
    return TraceContextTextMapPropagator().extract(carrier)


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1_000_000_000)
