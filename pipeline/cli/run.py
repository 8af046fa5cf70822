"""`kms-e2e run`: the main job."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from pipeline.cli.assets import AssetsOption, ConfigOption, ensure_assets
from pipeline.cli.kubernetes_options import (
    BinariesOption,
    KubernetesChoice,
    KubernetesOption,
    MirrorOption,
    ReleaseOption,
    TreeOption,
)
from pipeline.cli.module_options import GoProxyOption, GoSumDatabaseOption
from pipeline.cli.runner import InDagger, Runner, choose, execute_in_dagger
from pipeline.cli.selection import (
    ExtraOption,
    FamilyOption,
    FastOption,
    FocusOption,
    IdsOption,
    ParallelOption,
    ShardOption,
    SkipOption,
    SoakOption,
)
from pipeline.cli.suites import Suite, refuse_options_of_others
from pipeline.cli.upstream import UpstreamOptions, run_cost_suite, run_upstream_tests
from pipeline.host.module_proxy import ModuleProxy
from pipeline.host.release_download import MIRROR


def default_report() -> Path:
    """Return `$ARTIFACTS` (Prow's name), else `_artifacts`."""
    return Path(os.environ.get("ARTIFACTS") or "_artifacts")


def run(
    context: typer.Context,
    config: ConfigOption = None,
    assets: AssetsOption = None,
    kubernetes: KubernetesOption = None,
    tree: TreeOption = None,
    binaries: BinariesOption = None,
    release: ReleaseOption = False,
    mirror: MirrorOption = MIRROR,
    goproxy: GoProxyOption = None,
    gosumdb: GoSumDatabaseOption = None,
    suite: Suite = typer.Option(
        Suite.KMS,
        "--suite",
        help="kms: the scenarios; upstream: Kubernetes' own tests, every resource encrypted; cost: with and without.",
    ),
    report: Path = typer.Option(
        default_report, "--report", "--report-dir", help="Folder for the evidence ($ARTIFACTS, else _artifacts)."
    ),
    ids: IdsOption = None,
    family: FamilyOption = None,
    focus: FocusOption = None,
    skip: SkipOption = None,
    fast: FastOption = False,
    soak: SoakOption = False,
    parallel: ParallelOption = 0,
    shard: ShardOption = "1/1",
    run_id: str = typer.Option("", help="Name of this run; empty: a random one."),
    extra: ExtraOption = None,
    runner: Runner = typer.Option(
        Runner.HOST, help="Where: on this host, in Dagger, or auto: in Dagger where an engine answers, else here."
    ),
    module: str = typer.Option(
        "", help="Dagger module for --runner dagger: a checkout's folder or a git reference; empty: this release's own."
    ),
    label_filter: str = typer.Option(
        "", help="upstream: ginkgo's filter by labels, such as 'sig-auth && !Slow', of what --focus and --skip leave."
    ),
    report_prefix: str = typer.Option("", help="upstream: part of the name of its JUnit file."),
    verify_list: bool = typer.Option(
        False, "--verify-list", help="upstream: run the tests that need a node too, to see that each still fails."
    ),
    kubeconfig: Path | None = typer.Option(
        None,
        exists=True,
        dir_okay=False,
        help="upstream: run on the cluster of this file, which is neither looked into nor configured.",
    ),
    plain: bool = typer.Option(
        False,
        "--plain",
        help="upstream: encrypt nothing, to compare an encrypted run with by `kms-e2e report compare`.",
    ),
) -> None:
    """Build plugin, kube-apiserver and etcd with the right Go, run the suite, and write the report."""
    refuse_options_of_others(context, suite)
    choice = KubernetesChoice(kubernetes, tree, binaries, release, mirror)
    proxy = ModuleProxy(goproxy, gosumdb)
    named = {"--kubernetes-source": tree, "--kubernetes-binaries": binaries, "--kubernetes-release": release}
    given = {"--assets": assets, "--soak": soak, "--scenarios": extra, **named}
    given |= {"--suite cost": suite is Suite.COST, "--verify-list": verify_list, "--kubeconfig": kubeconfig}
    refused = tuple(name for name, value in {**given, "--report-prefix": report_prefix}.items() if value)
    chosen = (tuple(ids or ()), tuple(family or ()), focus, skip, parallel, shard)
    tests = (suite is Suite.UPSTREAM, label_filter, plain, fast)
    asked = InDagger(config, report, module, run_id, *chosen, refused, kubernetes or "", proxy, *tests)
    if choose(runner, asked) is Runner.DAGGER:
        raise typer.Exit(execute_in_dagger(asked))
    if suite is Suite.COST:
        raise typer.Exit(run_cost_suite(assets, config, report, focus or "", run_id, choice, proxy))
    if suite is Suite.UPSTREAM:
        only = (focus, skip, label_filter, parallel, report_prefix, verify_list, run_id, kubeconfig, plain)
        raise typer.Exit(run_upstream_tests(assets, config, report, UpstreamOptions(*only, choice, proxy)))
    # Here and not above, since a wrong option must not wait for gRPC and pytest.
    from pipeline.suite.__main__ import components, execute  # noqa: PLC0415
    from pipeline.suite.run import RunRequest  # noqa: PLC0415
    from pipeline.suite.selection import Selection, parse_shard  # noqa: PLC0415

    further = tuple(extra or ())
    selection = Selection(
        tuple(ids or ()), tuple(family or ()), focus or "", skip or "", fast, soak, parse_shard(shard)
    )
    choice = choice.settled(config) if assets is None else choice
    needed = choice.offered(components(selection, further, choice.kubernetes or "")) if assets is None else ()
    folder = ensure_assets(assets, config, needed, choice=choice, proxy=proxy)
    raise typer.Exit(execute(RunRequest(folder, report, selection, parallel, run_id, further)))
