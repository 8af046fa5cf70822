"""What report.html shows, gathered from a run and its folder; the templates only lay it out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.core.result import (
    FAMILIES,
    OTHER_FAMILIES,
    KmsCall,
    NotRun,
    Outcome,
    RunReport,
    ScenarioResult,
)
from pipeline.core.upstream import UpstreamReport
from pipeline.report import files
from pipeline.report.conformance import Statement, statement_of
from pipeline.report.costs import CostPlot, cost_plot
from pipeline.report.figures import Summary, summarise
from pipeline.report.logs import Excerpt, Log, clean, excerpt, lines_by_uid, read_logs
from pipeline.report.plots import CallPlot, LatencyPlot, call_plot, kind_key, latency_plot
from pipeline.report.repeat import command_again
from pipeline.report.timeline import Timeline, kind_of, timeline_of
from pipeline.report.upstream import read_upstream

# The page stays quick with 100 scenarios: what went well is sampled, what went wrong is shown, the rest is linked.
LINES_WHEN_WRONG: Final = 40
LINES_WHEN_PASSED: Final = 6
CALLS_WHEN_WRONG: Final = 40
CALLS_WHEN_PASSED: Final = 3
_ASIDE: Final = (NotRun.NOT_SELECTED, NotRun.NOT_BUILT, NotRun.SOAK)
_BEFORE_S: Final = 0.5
_AFTER_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class JoinedCall:
    """A KMS call and the plugin's log line with the same uid (empty when there is none)."""

    call: KmsCall
    line: str


@dataclass(frozen=True, slots=True)
class ScenarioView:
    """One scenario as it is shown; `again` is the command that runs it again."""

    result: ScenarioResult
    again: str
    kind: str
    wrong: bool
    aside: bool
    latencies: LatencyPlot | None
    excerpts: tuple[Excerpt, ...]
    calls: tuple[JoinedCall, ...]
    calls_total: int
    calls_link: str


@dataclass(frozen=True, slots=True)
class FamilyView:
    """The scenarios of one family."""

    key: str
    name: str
    scenarios: tuple[ScenarioView, ...]

    @property
    def shown(self) -> tuple[ScenarioView, ...]:
        """Return the scenarios that are shown at once."""
        return tuple(view for view in self.scenarios if not view.aside)

    @property
    def aside(self) -> tuple[ScenarioView, ...]:
        """Return the scenarios that were not selected or are not built yet: shown when asked for."""
        return tuple(view for view in self.scenarios if view.aside)

    @property
    def aside_label(self) -> str:
        """Return how many there are aside, by reason, such as `12 not selected`."""
        counts = Counter(view.result.reason for view in self.aside)
        return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))


@dataclass(frozen=True, slots=True)
class MethodView:
    """The calls of one KMS method. `codes` are the gRPC status names with their counts, OK left out.

    `calls` counts all of them, `summary` has those that no fault of the proxy hit: a delay of ours is not the plugin's.
    """

    method: str
    calls: int
    summary: Summary
    codes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A file of the report folder that the page links."""

    link: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the templates need."""

    run: RunReport
    statement: Statement
    counts: tuple[tuple[Outcome, str, int], ...]
    wrong: tuple[ScenarioView, ...]
    families: tuple[FamilyView, ...]
    timeline: Timeline | None
    call_plot: CallPlot | None
    call_latencies: LatencyPlot | None
    methods: tuple[MethodView, ...]
    files: tuple[EvidenceFile, ...]
    provenance: str
    upstream: UpstreamReport | None
    costs: CostPlot | None

    @property
    def musts(self) -> tuple[ScenarioView, ...]:
        """Return the scenarios that decide conformance."""
        judged = (self.statement.musts.passed, self.statement.musts.failed, self.statement.musts.not_run)
        ids = {item.id for tally in judged for item in tally}
        return tuple(view for family in self.families for view in family.scenarios if view.result.id in ids)


def page_of(folder: Path, run: RunReport) -> Page:
    """Gather what the page shows of `run`, with the logs and files of its `folder`."""
    logs = read_logs(folder, run.started_at, run.finished_at)
    lines = lines_by_uid(logs, {call.uid for call in run.calls if call.uid})
    calls: defaultdict[str, list[KmsCall]] = defaultdict(list)
    for call in run.calls:
        calls[call.plane].append(call)
    views = [
        _view(item, command_again(run, item.id), logs, calls[item.plane], lines)
        for item in sorted(run.scenarios, key=lambda item: item.id)
    ]
    upstream = read_upstream(folder)
    return Page(
        run=run,
        statement=statement_of(run),
        counts=tuple((outcome, kind_of(outcome), run.count(outcome)) for outcome in Outcome),
        wrong=tuple(view for view in views if view.wrong),
        families=_families(views),
        timeline=timeline_of(run),
        call_plot=call_plot(run.calls, run.started_at, run.finished_at),
        call_latencies=latency_plot(_by_method(run.calls)),
        methods=tuple(_methods(run.calls)),
        files=tuple(_files(folder)),
        provenance=_text(folder / files.PROVENANCE_FILE),
        upstream=upstream if upstream and upstream.tests else None,
        costs=cost_plot(upstream.costs) if upstream else None,
    )


def _view(
    result: ScenarioResult,
    again: str,
    logs: Sequence[Log],
    calls: Sequence[KmsCall],
    lines: Mapping[tuple[str, str], str],
) -> ScenarioView:
    wrong = result.is_bad
    end = result.started_at + result.duration_s
    ran = bool(result.plane) and result.outcome is not Outcome.NOT_RUN
    own = [call for call in calls if ran and result.started_at <= call.at <= end]
    chosen = own[-CALLS_WHEN_WRONG:] if wrong else own[:CALLS_WHEN_PASSED]
    limit = LINES_WHEN_WRONG if wrong else LINES_WHEN_PASSED
    around = [
        excerpt(log, result.started_at - _BEFORE_S, end + _AFTER_S, limit)
        for log in logs
        if ran and log.plane == result.plane
    ]
    return ScenarioView(
        result=result,
        again=again,
        kind=kind_of(result.outcome),
        wrong=wrong,
        aside=result.outcome is Outcome.NOT_RUN and result.reason.startswith(_ASIDE),
        latencies=latency_plot({latency.method: latency.samples_s for latency in result.latencies}),
        excerpts=tuple(found for found in around if found.lines),
        calls=tuple(JoinedCall(call, lines.get((call.plane, call.uid), "")) for call in chosen),
        calls_total=len(own),
        calls_link=f"{files.CALLS_FOLDER}/{result.plane}.jsonl",
    )


def _families(views: Iterable[ScenarioView]) -> tuple[FamilyView, ...]:
    grouped: defaultdict[str, list[ScenarioView]] = defaultdict(list)
    for view in views:
        grouped[view.result.family].append(view)
    return tuple(
        FamilyView(key, {**FAMILIES, **OTHER_FAMILIES}.get(key, ""), tuple(found))
        for key, found in sorted(grouped.items())
    )


def _by_method(calls: Sequence[KmsCall]) -> dict[str, list[float]]:
    """Return the durations of the calls that no fault of the proxy hit; of a method that has none, all."""
    own: defaultdict[str, list[float]] = defaultdict(list)
    every: defaultdict[str, list[float]] = defaultdict(list)
    for call in calls:
        every[call.method].append(call.duration_s)
        if not call.fault:
            own[call.method].append(call.duration_s)
    return {**every, **own}


def _methods(calls: Sequence[KmsCall]) -> Iterable[MethodView]:
    for method, samples in sorted(_by_method(calls).items(), key=lambda entry: kind_key(entry[0])):
        codes = Counter(call.code for call in calls if call.method == method)
        bad = tuple(sorted((code, count) for code, count in codes.items() if code != "OK"))
        yield MethodView(method, codes.total(), summarise(samples), bad)


def _files(folder: Path) -> Iterable[EvidenceFile]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        link = path.relative_to(folder).as_posix()
        if link != files.HTML_FILE and not path.name.startswith("."):
            yield EvidenceFile(link, path.stat().st_size)


def _text(path: Path) -> str:
    if not path.is_file():
        return ""
    return "\n".join(clean(line) for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
