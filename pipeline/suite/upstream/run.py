"""`--suite upstream`: run upstream's own tests on a fully encrypted store and leave a folder of evidence."""

from __future__ import annotations

import dataclasses
import json
import platform
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline import __version__
from pipeline.core.result import Outcome, RunReport, ScenarioResult, to_json
from pipeline.core.upstream import NEEDS_A_NODE, PlainKeys, UpstreamReport, UpstreamTest, WrittenResource
from pipeline.errors import InputError, KmsE2EError
from pipeline.harness.etcd_watch import current_revision
from pipeline.harness.simulated_nodes import NODES
from pipeline.report import files
from pipeline.report.evidence import append_result, begin_report
from pipeline.suite.equipment import assert_programs, load_equipment
from pipeline.suite.run import prepare, write
from pipeline.suite.termination import terminable
from pipeline.suite.upstream import judge
from pipeline.suite.upstream.cluster import PROGRAMS, Cluster, running_cluster
from pipeline.suite.upstream.execution import Execution, execute_tests
from pipeline.suite.upstream.ginkgo import (
    DEFAULT_FOCUS,
    GinkgoRun,
    TestOutcome,
    TestResult,
    TestSelection,
    select_tests,
)
from pipeline.suite.upstream.needs_a_node import NodeList, read_node_list
from pipeline.suite.upstream.writes import WriteCounts, plural

# Tests mostly wait for controllers; more processes than this made no run shorter on 2 processors.
DEFAULT_PROCS: Final = 12
_CUSTOM: Final = "custom resources"

Show = Callable[[ScenarioResult], None]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """What to run: binaries, where evidence goes, which tests.

    `procs` is the number of tests that run at a time, 0 for the default. `verify_list` runs the tests that need a node
    too, which takes their time-outs, to see that each still fails. `report_prefix` is part of the JUnit file's name.
    """

    assets: Path
    report: Path
    selection: TestSelection = field(default_factory=TestSelection)
    procs: int = 0
    report_prefix: str = ""
    verify_list: bool = False
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which tests a run has: selected, planned of them, left out for want of a node, and what the list says of all."""

    kubernetes: str
    selected: tuple[str, ...]
    listed: NodeList
    existing: tuple[str, ...]
    verify_list: bool = False

    @property
    def left_out(self) -> tuple[str, ...]:
        """Return the selected tests that are not run."""
        needs = {} if self.verify_list else self.listed.needs
        return tuple(name for name in self.selected if name in needs or name in self.listed.proves_nothing)

    @property
    def planned(self) -> tuple[str, ...]:
        """Return the tests that are run."""
        return tuple(name for name in self.selected if name not in set(self.left_out))


def run_upstream(request: UpstreamRequest, show: Show, say: Say) -> RunReport:
    """Run the selected tests on a cluster of our own, write the report in every case, and return it.

    `show` is told the result of each scenario, `say` how far the tests are.

    Raises: InputError for a selection or folder that cannot be used; ProcessError when a part of the cluster dies; what
    was found until then is written.
    """
    assert_programs(request.assets, PROGRAMS, next_step="leave --assets out, and they are built")
    equipment = load_equipment(request.assets, request.report)
    plan = make_plan(request)
    prepare(request.report, request.assets)
    begin_report(request.report, header(request, equipment.plugin.name))
    try:
        with terminable(), running_cluster(equipment, plan.kubernetes) as cluster:
            say(f"{len(plan.planned)} tests; {len(plan.left_out)} more need a node and are left out")
            run = _ginkgo(request, plan, cluster)
            execution = execute_tests(run, cluster.plane.supervisor, cluster, len(plan.planned), say)
            _conclude(request.report, plan, run, execution, cluster, show)
    except KeyboardInterrupt:
        return write(
            request.report, equipment.plugin
        )  # the scenarios without a result are in the report as interrupted
    except KmsE2EError as error:
        write(request.report, equipment.plugin, exit_code=error.exit_code, note=str(error))
        raise
    if execution.broken_by is None:
        return write(request.report, equipment.plugin)
    write(request.report, equipment.plugin, exit_code=execution.broken_by.exit_code, note=str(execution.broken_by))
    raise execution.broken_by


def make_plan(request: UpstreamRequest) -> Plan:
    """Ask upstream's program which tests the selection takes in, and compare them with the list of the version.

    Raises: InputError when nothing is selected, all of it needs a node, or the binaries' version is not known.
    """
    kubernetes = kubernetes_of(request.assets)
    listed = read_node_list(kubernetes.removeprefix("v").rpartition(".")[0])
    selected = select_tests(request.assets, request.selection)
    existing = select_tests(request.assets, TestSelection(DEFAULT_FOCUS, skip=""))
    plan = Plan(kubernetes, selected, listed, existing, request.verify_list)
    if not plan.planned:
        raise InputError(
            "all selected tests need a node",
            seen=", ".join(f"{name} ({listed.why(name)})" for name in plan.left_out[:3]),
            wanted="a test that the simulated nodes can serve",
            where="--focus, --skip, --label-filter",
            next_step="--verify-list runs them all the same, to see that they still fail",
        )
    return plan


def kubernetes_of(assets: Path) -> str:
    """Return the Kubernetes version of a folder of binaries, such as `v1.37.2`, from its provenance.json.

    Raises: InputError when the file is missing or names none.
    """
    path = assets / files.PROVENANCE_FILE
    try:
        version = str(json.loads(path.read_text(encoding="utf-8"))["kubernetes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("the version of the binaries is not known", seen=str(error), where=str(path)) from error
    return version


def header(request: UpstreamRequest, plugin: str, checks: Sequence[judge.Check] = judge.CHECKS) -> RunReport:
    """Return the report as it would be if the run ended at once."""
    return RunReport(
        run_id=request.run_id or uuid.uuid4().hex,
        suite_version=__version__,
        started_at=time.time(),
        finished_at=0.0,
        plugin=plugin,
        kubernetes="",  # the report takes the versions from provenance.json
        go_version="",
        go_version_source="",
        exit_code=1,
        planned=tuple(check.id for check in checks),
        scenarios=tuple(check.blank() for check in checks),
        host=f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}",
    )


def _ginkgo(request: UpstreamRequest, plan: Plan, cluster: Cluster) -> GinkgoRun:
    return GinkgoRun(
        assets=request.assets.resolve(),
        kubeconfig=cluster.kubeconfig,
        report=request.report.resolve(),
        private=cluster.plane.supervisor.folder / "tests",
        selection=request.selection,
        procs=request.procs or DEFAULT_PROCS,
        leave_out=plan.left_out,
        report_prefix=request.report_prefix,
        nodes=len(NODES),
    )


def _conclude(report: Path, plan: Plan, run: GinkgoRun, execution: Execution, cluster: Cluster, show: Show) -> None:
    """Judge what the tests and the watch found, and write both."""
    found = upstream_report(plan, run, execution)
    if execution.broken_by is not None:
        ran = sum(test.outcome in ("passed", "failed") for test in found.tests)
        reason = f"{execution.broken_by.what} after {ran} of {len(plan.planned)} tests"
        results = [check.blank(Outcome.ERROR, reason) for check in judge.CHECKS]
    elif execution.interrupted:
        results = []
    else:
        counts = cluster.watch.reach(current_revision(cluster.plane.etcd.socket))
        by_kms, otherwise = judge.count_encryptions(cluster.plane.api.samples(judge.TRANSFORMATIONS))
        found = dataclasses.replace(found, resources=_resources(counts, by_kms), plain=_plain(counts))
        results = [
            *judge_results(plan, execution.results),
            judge.judge_writes(counts),
            judge.judge_metrics(counts, by_kms, otherwise),
        ]
    for result in results:
        append_result(report, result)
        show(result)
    write_upstream(report, found)


def judge_results(plan: Plan, results: Sequence[TestResult]) -> list[ScenarioResult]:
    """Return the scenarios that upstream's results alone decide."""
    return [
        judge.judge_tests(plan.planned, results, plan.listed),
        judge.judge_list(plan.existing, results, plan.listed),
    ]


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
    for word, names in (
        ("appeared, and is not on the list", plan.listed.appeared(plan.existing)),
        ("disappeared, and is on the list", plan.listed.disappeared(plan.existing)),
    ):
        yield from (f"{word} of {plan.listed.kubernetes or 'this line, which has none yet'}: {name}" for name in names)


def _resources(counts: WriteCounts, by_kms: Mapping[str, int]) -> tuple[WrittenResource, ...]:
    """Return a row for each built-in resource, and one for all custom ones, whose names are random."""
    written: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    for resource, count in counts.encrypted.items():
        name = _CUSTOM if "." in resource and not resource.endswith(".k8s.io") else plural(resource)
        written[name] += count
        if name != _CUSTOM:
            counted[name] = by_kms.get(name, 0)
    counted[_CUSTOM] = sum(by_kms.values()) - counted.total()
    return tuple(WrittenResource(name, count, counted[name]) for name, count in sorted(written.items()))


def _plain(counts: WriteCounts) -> tuple[PlainKeys, ...]:
    return tuple(PlainKeys(prefix, count) for prefix, count in sorted(counts.plain.items()))
