"""upstream.json: each test of upstream's with its end, and what was written to etcd meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from pipeline.core.result import to_json
from pipeline.core.upstream import NEEDS_A_NODE, PlainKeys, UpstreamReport, UpstreamTest, WrittenResource
from pipeline.report import files
from pipeline.suite.upstream.execution import Execution
from pipeline.suite.upstream.ginkgo import GinkgoRun, TestOutcome, TestResult
from pipeline.suite.upstream.needs_a_node import NodeList
from pipeline.suite.upstream.plan import Plan
from pipeline.suite.upstream.writes import WriteCounts, plural

_CUSTOM: Final = "custom resources"
_REFUSED: Final = "never written, each refused by etcd"


def write_upstream(report: Path, found: UpstreamReport) -> None:
    """Write upstream.json.

    Raises: MachineError when the folder cannot be written.
    """
    files.write_whole(report / files.UPSTREAM_FILE, files.encode_json(to_json(found, indent=1)))


def upstream_report(plan: Plan, run: GinkgoRun, execution: Execution) -> UpstreamReport:
    """Return upstream's results as the report shows them, each selected test once."""
    by_name = {result.name: result for result in execution.results}
    left_out = set(plan.left_out)
    tests = tuple(_test(name, by_name.get(name), plan.listed, left_out) for name in plan.selected)
    return UpstreamReport(
        kubernetes=plan.kubernetes,
        focus=run.selection.focus,
        skip=run.selection.skip,
        label_filter=run.selection.label_filter,
        procs=run.procs,
        duration_s=execution.duration_s,
        tests=tests,
        notes=tuple(_changes(plan)),
        plain_store=plan.plain,
    )


def _test(name: str, result: TestResult | None, listed: NodeList, left_out: Collection[str]) -> UpstreamTest:
    need = listed.needs.get(name)
    known = need is not None and (result is None or result.outcome is TestOutcome.FAILED)
    if known or name in left_out:
        return UpstreamTest(name, NEEDS_A_NODE, listed.why(name), result.duration_s if result else 0.0)
    if result is None:
        return UpstreamTest(name, TestOutcome.INTERRUPTED, "did not begin")
    return UpstreamTest(name, result.outcome, result.message, result.duration_s)


def _changes(plan: Plan) -> Iterator[str]:
    """Tell what upstream added or dropped since the list was made; without a list nothing is known of it."""
    if not plan.listed.known:
        return
    for word, names in (
        ("appeared, and is not on the list", plan.listed.appeared(plan.existing)),
        ("disappeared, and is on the list", plan.listed.disappeared(plan.existing)),
    ):
        yield from (f"{word} of {plan.listed.kubernetes}: {name}" for name in names)


def _row(resource: str) -> str:
    return _CUSTOM if "." in resource and not resource.endswith(".k8s.io") else plural(resource)


def resource_rows(counts: WriteCounts, by_metrics: Mapping[str, int]) -> tuple[WrittenResource, ...]:
    """Return a row for each built-in resource, one for all custom ones, whose names are random, and one for the rest.

    `by_metrics` is how often kube-apiserver says it wrote one; the rest are resources of which etcd has no value, since
    it refused each write.
    """
    written: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    custom_first = sorted(counts.as_wanted, key=lambda resource: _row(resource) != _CUSTOM)
    row_of = {plural(resource): _row(resource) for resource in custom_first}
    for resource, count in counts.as_wanted.items():
        written[_row(resource)] += count
    for name, count in by_metrics.items():
        counted[row_of.get(name, _REFUSED)] += count
    if counted[_REFUSED]:
        written[_REFUSED] = 0
    return tuple(WrittenResource(name, count, counted[name]) for name, count in sorted(written.items()))


def plain_keys(counts: WriteCounts) -> tuple[PlainKeys, ...]:
    """Return a row for each prefix of keys that are never encrypted."""
    return tuple(PlainKeys(prefix, count) for prefix, count in sorted(counts.plain.items()))
