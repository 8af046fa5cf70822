"""`kms-e2e run --suite upstream`: Kubernetes' own end-to-end tests with every resource encrypted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.cli.assets import ensure_assets
from pipeline.cli.kubernetes_options import KubernetesChoice
from pipeline.core.components import CLUSTER, UPSTREAM_TESTS
from pipeline.errors import InputError
from pipeline.host.module_proxy import ModuleProxy


@dataclass(frozen=True, slots=True)
class UpstreamOptions:
    """The options of the command line; None is upstream's own selection, 0 the default number at a time."""

    focus: str | None
    skip: str | None
    label_filter: str
    procs: int
    report_prefix: str
    verify_list: bool
    run_id: str
    kubeconfig: Path | None
    plain: bool
    choice: KubernetesChoice
    proxy: ModuleProxy


def run_upstream_tests(assets: Path | None, config: Path | None, report: Path, options: UpstreamOptions) -> int:
    """Build what is missing, run the tests, print a line for each scenario, and return the exit code.

    Raises: KmsE2EError when input or machine are at fault.
    """
    # Here and not above, since a wrong option must not wait for gRPC.
    from pipeline.suite.__main__ import show, summary  # noqa: PLC0415
    from pipeline.suite.upstream.foreign import run_on_cluster  # noqa: PLC0415
    from pipeline.suite.upstream.ginkgo import TestSelection  # noqa: PLC0415
    from pipeline.suite.upstream.plan import UpstreamRequest  # noqa: PLC0415
    from pipeline.suite.upstream.run import run_upstream  # noqa: PLC0415

    _refuse_both(options)
    selection = TestSelection.of(options.focus, options.skip, options.label_filter)
    programs = UPSTREAM_TESTS if options.kubeconfig else (*CLUSTER, *UPSTREAM_TESTS)
    request = UpstreamRequest(
        assets=ensure_assets(assets, config, programs, choice=options.choice, proxy=options.proxy),
        report=report,
        selection=selection,
        procs=options.procs,
        report_prefix=options.report_prefix,
        verify_list=options.verify_list,
        run_id=options.run_id,
        plain=options.plain,
    )
    if options.kubeconfig:
        run = run_on_cluster(request, options.kubeconfig, show, _say)
    else:
        run = run_upstream(request, show, _say)
    print(summary(run, report), flush=True)
    return run.exit_code


def _refuse_both(options: UpstreamOptions) -> None:
    reasons = {
        "--plain": "how a cluster of yours encrypts is not changed",
        "--verify-list": "your nodes are real, so no test is on a list",
    }
    given = {"--plain": options.plain, "--verify-list": options.verify_list}
    for name, reason in reasons.items():
        if options.kubeconfig and given[name]:
            raise InputError(
                f"{name} and --kubeconfig exclude each other", seen="both", next_step=f"leave one out: {reason}"
            )


def run_cost_suite(
    assets: Path | None,
    config: Path | None,
    report: Path,
    focus: str,
    run_id: str,
    choice: KubernetesChoice,
    proxy: ModuleProxy,
) -> int:
    """Measure what encryption costs, print a line for each row whose name matches `focus`, and return the exit code.

    Raises: KmsE2EError when input or machine are at fault.
    """
    from pipeline.suite.__main__ import show, summary  # noqa: PLC0415
    from pipeline.suite.upstream.cost import choose_rows, run_cost  # noqa: PLC0415
    from pipeline.suite.upstream.plan import UpstreamRequest  # noqa: PLC0415

    rows = choose_rows(focus)
    request = UpstreamRequest(ensure_assets(assets, config, choice=choice, proxy=proxy), report, run_id=run_id)
    run = run_cost(request, rows, show, _say)
    print(summary(run, report), flush=True)
    return run.exit_code


def _say(line: str) -> None:
    print(line, flush=True)
