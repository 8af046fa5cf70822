"""`--suite upstream`: run upstream's own tests on a fully encrypted store and leave a folder of evidence."""

from __future__ import annotations

import dataclasses
import platform
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline import __version__
from pipeline.core.result import Outcome, RunReport, ScenarioResult
from pipeline.errors import KmsE2EError
from pipeline.harness.etcd_watch import current_revision
from pipeline.harness.simulated_nodes import NODES
from pipeline.report.evidence import append_result, begin_report
from pipeline.suite.equipment import assert_programs, load_equipment
from pipeline.suite.report_folder import prepare
from pipeline.suite.run import write
from pipeline.suite.termination import terminable
from pipeline.suite.upstream import judge
from pipeline.suite.upstream.cluster import PROGRAMS, Cluster, running_cluster
from pipeline.suite.upstream.execution import Execution, execute_tests
from pipeline.suite.upstream.ginkgo import GinkgoRun, TestResult
from pipeline.suite.upstream.plan import Plan, UpstreamRequest, make_plan
from pipeline.suite.upstream.tables import plain_keys, resource_rows, upstream_report, write_upstream
from pipeline.suite.upstream.writes import WriteCounts

# Tests mostly wait for controllers; more processes than this made no run shorter on 2 processors.
DEFAULT_PROCS: Final = 12

Show = Callable[[ScenarioResult], None]
Say = Callable[[str], None]


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
    begin_report(request.report, header(request, equipment.plugin.name, checks_of(plan)))
    try:
        with terminable(), running_cluster(equipment, plan.kubernetes, plain=plan.plain) as cluster:
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
        results = [check.blank(Outcome.ERROR, reason) for check in checks_of(plan)]
    elif execution.interrupted:
        results = []
    else:
        counts = cluster.watch.reach(current_revision(cluster.plane.etcd.socket))
        by_kms, otherwise = judge.count_encryptions(cluster.plane.api.samples(judge.TRANSFORMATIONS))
        counted = otherwise if plan.plain else by_kms
        found = dataclasses.replace(found, resources=resource_rows(counts, counted), plain=plain_keys(counts))
        results = [
            *judge_results(plan, execution.results),
            *_judge_store(plan, counts, by_kms, otherwise),
        ]
    for result in results:
        append_result(report, result)
        show(result)
    write_upstream(report, found)


def checks_of(plan: Plan) -> tuple[judge.Check, ...]:
    """Return what a run decides."""
    return judge.PLAIN_CHECKS if plan.plain else judge.CHECKS


def _judge_store(
    plan: Plan, counts: WriteCounts, by_kms: Mapping[str, int], otherwise: Mapping[str, int]
) -> list[ScenarioResult]:
    """Return the scenarios that the store and kube-apiserver's metrics decide."""
    if plan.plain:
        return [judge.judge_plain(counts), judge.judge_metrics(counts, otherwise, by_kms)]
    return [judge.judge_writes(counts), judge.judge_metrics(counts, by_kms, otherwise)]


def judge_results(plan: Plan, results: Sequence[TestResult]) -> list[ScenarioResult]:
    """Return the scenarios that upstream's results alone decide."""
    return [
        judge.judge_tests(plan.planned, results, plan.listed),
        judge.judge_list(plan.existing, results, plan.listed),
    ]
