"""Upstream's tests on a cluster of the user's: only what can be proved there, and nothing of it is changed.

Neither etcd nor the API server's configuration is looked at. What encryption did is read from kube-apiserver's metrics,
before and after. Behind several API servers these are the metrics of whichever answers: two readings are compared only
when both are of a process that started at the same time.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from pipeline.core.components import UPSTREAM_TESTS
from pipeline.core.result import NotRun, Outcome, Proof, RunReport, ScenarioResult
from pipeline.errors import InputError, KmsE2EError
from pipeline.harness.evidence import Evidence
from pipeline.harness.supervisor import Supervisor
from pipeline.report.evidence import append_result, begin_report
from pipeline.suite.equipment import assert_programs
from pipeline.suite.report_folder import prepare
from pipeline.suite.run import write
from pipeline.suite.termination import terminable
from pipeline.suite.upstream import judge
from pipeline.suite.upstream.execution import Execution, execute_tests
from pipeline.suite.upstream.ginkgo import GinkgoRun, select_tests
from pipeline.suite.upstream.needs_a_node import NodeList
from pipeline.suite.upstream.plan import Plan, UpstreamRequest, kubernetes_of
from pipeline.suite.upstream.run import DEFAULT_PROCS, Say, Show, header
from pipeline.suite.upstream.tables import upstream_report, write_upstream

_CALL_TIMEOUT_S: Final = 60.0
_STARTED: Final = "process_start_time_seconds"
_ANOTHER: Final = f"{NotRun.NEEDS_STORE}: before and after, different kube-apiserver processes answered /metrics"
_NO_SECRET: Final = f"{NotRun.NEEDS_STORE}: the kube-apiserver that answered /metrics wrote no Secret meanwhile"
_NOT_OURS: Final = f"{NotRun.NEEDS_STORE}: the cluster is not ours"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one kube-apiserver says it wrote, by resource; `started` is when its process did (Unix time in seconds)."""

    started: float | None
    by_kms: Mapping[str, int]
    otherwise: Mapping[str, int]


def read_metrics(text: str) -> Reading:
    """Return what a kube-apiserver's metrics say of its start and its writes."""
    lines = [line for line in text.splitlines() if line.startswith((judge.TRANSFORMATIONS, _STARTED))]
    families = text_string_to_metric_families("\n".join(lines) + "\n")
    samples = [sample for family in families for sample in family.samples]
    started = next((sample.value for sample in samples if sample.name == _STARTED), None)
    return Reading(
        started, *judge.count_encryptions(sample for sample in samples if sample.name == judge.TRANSFORMATIONS)
    )


class _Unwatched:
    """Nothing to watch: the cluster's processes are not ours."""

    def assert_alive(self) -> None:
        """Find nothing dead."""


def run_on_cluster(request: UpstreamRequest, kubeconfig: Path, show: Show, say: Say) -> RunReport:
    """Run the selected tests on the cluster of a kubeconfig, write the report in every case, and return it.

    Raises: InputError for a selection or cluster that cannot be used.
    """
    assert_programs(request.assets, UPSTREAM_TESTS, next_step="leave --assets out, and they are built")
    kubectl = _Kubectl(request.assets.resolve() / "kubectl", kubeconfig.resolve())
    kubernetes = kubernetes_of(request.assets)
    kubectl.assert_line(kubernetes)
    selected = select_tests(request.assets, request.selection)
    plan = Plan(kubernetes, selected, NodeList(kubernetes), selected)
    prepare(request.report, request.assets)
    begin_report(request.report, header(request, f"cluster of {kubeconfig.name}"))
    evidence = Evidence(request.report.resolve())
    try:
        with terminable(), Supervisor("upstream", logs=evidence.logs("upstream"), on_event=evidence.add_event) as own:
            run = _ginkgo(request, kubectl, own)
            before = kubectl.encryptions()
            say(f"{len(selected)} tests on {kubeconfig}")
            execution = execute_tests(run, own, _Unwatched(), len(selected), say)
            results = _results(plan, execution, before, kubectl)
        for result in results:
            append_result(request.report, result)
            show(result)
        write_upstream(request.report, upstream_report(plan, run, execution))
    except KeyboardInterrupt:
        pass  # the scenarios without a result are in the report as interrupted
    except KmsE2EError as error:
        write(request.report, exit_code=error.exit_code, note=str(error))
        raise
    return write(request.report)


class _Kubectl:
    """Reads of the user's cluster by kubectl, which knows every way to log in."""

    def __init__(self, binary: Path, kubeconfig: Path) -> None:
        self._argv = [str(binary), f"--kubeconfig={kubeconfig}"]
        self.kubeconfig = kubeconfig

    def assert_line(self, kubernetes: str) -> None:
        """Refuse a cluster of another line than the tests, since upstream's tests are of one version."""
        answer = self._call("version", "--output=json")
        try:
            found = str(json.loads(answer)["serverVersion"]["gitVersion"])
        except (ValueError, KeyError) as error:
            raise self._unreachable(answer) from error
        wanted = kubernetes.rpartition(".")[0]
        if not found.startswith(f"{wanted}."):
            raise InputError(
                "the cluster is of another Kubernetes line than the tests",
                seen=found,
                wanted=f"{wanted}, as the tests are",
                where=str(self.kubeconfig),
                next_step=f"kms-e2e build --kubernetes {'.'.join(found.removeprefix('v').split('.')[:2])} "
                + " ".join(f"--component {name}" for name in UPSTREAM_TESTS)
                + " -o DIR, and name it by --assets DIR",
            )

    def encryptions(self) -> Reading | None:
        """Return what kube-apiserver says it wrote; None when the user may not read its metrics."""
        try:
            text = self._call("get", "--raw=/metrics")
        except InputError:
            return None
        return read_metrics(text)

    def _call(self, *words: str) -> str:
        try:
            done = subprocess.run(
                [*self._argv, *words], capture_output=True, text=True, timeout=_CALL_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise self._unreachable(str(error)) from error
        if done.returncode != 0:
            raise self._unreachable(done.stderr.strip())
        return done.stdout

    def _unreachable(self, said: str) -> InputError:
        return InputError(
            "the cluster does not answer",
            seen=said[:300],
            where=str(self.kubeconfig),
            next_step="try `kubectl --kubeconfig FILE version`",
        )


def _ginkgo(request: UpstreamRequest, kubectl: _Kubectl, own: Supervisor) -> GinkgoRun:
    return GinkgoRun(
        assets=request.assets.resolve(),
        kubeconfig=kubectl.kubeconfig,
        report=request.report.resolve(),
        private=own.folder / "tests",
        selection=request.selection,
        procs=request.procs or DEFAULT_PROCS,
        report_prefix=request.report_prefix,
    )


def _results(plan: Plan, execution: Execution, before: Reading | None, kubectl: _Kubectl) -> list[ScenarioResult]:
    if execution.interrupted:
        return []
    after = kubectl.encryptions() if before else None
    unread = f"{NotRun.NEEDS_STORE}: the user may not read /metrics of kube-apiserver"
    return [
        judge.judge_tests(plan.planned, execution.results, plan.listed),
        judge.LIST.blank(Outcome.NOT_RUN, f"{NotRun.NOT_SELECTED}: the nodes are real"),
        judge.WRITES.blank(Outcome.NOT_RUN, _NOT_OURS),
        judge_difference(before, after) if before and after else judge.METRICS.blank(Outcome.NOT_RUN, unread),
    ]


def judge_difference(before: Reading, after: Reading) -> ScenarioResult:
    """Judge U04 as far as metrics go: the tests' Secrets were written by a KMS v2 provider, and none otherwise.

    It is not run when the readings are not of one process, or when no Secret was written between them.
    """
    if before.started is None or before.started != after.started:
        return judge.METRICS.blank(Outcome.NOT_RUN, _ANOTHER)
    by_kms = Counter(after.by_kms) - Counter(before.by_kms)
    otherwise = Counter(after.otherwise) - Counter(before.otherwise)
    if not by_kms["secrets"] and not otherwise["secrets"]:
        return judge.METRICS.blank(Outcome.NOT_RUN, _NO_SECRET)
    plain = ", ".join(sorted(otherwise)) or "none"
    return judge.METRICS.judged(
        [
            Proof("Secrets encrypted by KMS v2", str(by_kms["secrets"]), "at least 1", by_kms["secrets"] > 0),
            Proof("Secrets written otherwise", str(otherwise["secrets"]), "0", not otherwise["secrets"]),
            Proof("values encrypted by KMS v2", str(by_kms.total()), "any number", holds=True),
            Proof("resources written otherwise", plain, "what the configuration leaves out", holds=True),
        ]
    )
