"""`kms-e2e run`: the main job."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

import typer

from pipeline.cli.assets import AssetsOption, ConfigOption, ensure_assets
from pipeline.cli.runner import InDagger, Runner, choose, execute_in_dagger
from pipeline.cli.upstream import UpstreamOptions, refuse_dagger, run_cost_suite, run_upstream_tests


class Suite(StrEnum):
    """What `kms-e2e run` runs."""

    KMS = "kms"
    UPSTREAM = "upstream"
    COST = "cost"


def default_report() -> Path:
    """Return `$ARTIFACTS` (Prow's name), else `_artifacts`."""
    return Path(os.environ.get("ARTIFACTS") or "_artifacts")


def run(
    config: ConfigOption = None,
    assets: AssetsOption = None,
    suite: Suite = typer.Option(
        Suite.KMS,
        "--suite",
        help="kms: the scenarios; upstream: Kubernetes' own tests, every resource encrypted; cost: with and without.",
    ),
    report: Path = typer.Option(
        default_report, "--report", "--report-dir", help="Folder for the evidence ($ARTIFACTS, else _artifacts)."
    ),
    ids: list[str] = typer.Option([], "--id", help="Only this scenario, such as A05. May be given again."),
    family: list[str] = typer.Option([], "--family", help="Only this family, such as A or wire. May be given again."),
    focus: str | None = typer.Option(
        None,
        help="Only scenarios whose id or title, or upstream tests whose name, matches this regular expression; "
        "upstream: those marked Conformance.",
    ),
    skip: str | None = typer.Option(
        None, help="No scenario or test that matches this regular expression; upstream: those marked Serial."
    ),
    fast: bool = typer.Option(
        False,
        "--fast",
        help="The tier of a minute: nothing that waits for intervals of minutes or restarts kube-apiserver often.",
    ),
    soak: bool = typer.Option(False, "--soak", help="Take in scenarios that run for minutes on purpose."),
    parallel: int = typer.Option(
        0,
        min=0,
        help="Number of busy workers; 0: two a processor. Scenarios that only wait have further ones. "
        "upstream: tests at a time; 0: 12.",
    ),
    shard: str = typer.Option("1/1", metavar="K/N", help="Part K of N of the scenarios."),
    run_id: str = typer.Option("", help="Name of this run; empty: a random one."),
    extra: list[Path] = typer.Option([], "--scenarios", help="File with further scenarios. May be given again."),
    runner: Runner = typer.Option(
        Runner.HOST, help="Where: on this host, in Dagger, or auto: in Dagger where an engine answers, else here."
    ),
    module: str = typer.Option(
        "", help="Dagger module for --runner dagger: a checkout's folder or a git reference; empty: this release's own."
    ),
    label_filter: str = typer.Option("", help="upstream: ginkgo's filter by labels, such as 'sig-auth && !Slow'."),
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
) -> None:
    """Build plugin, kube-apiserver and etcd with the right Go, run the suite, and write the report."""
    if suite is not Suite.KMS:
        refuse_dagger(suite, runner is Runner.DAGGER)
    if suite is Suite.COST:
        raise typer.Exit(run_cost_suite(assets, config, report, run_id))
    if suite is Suite.UPSTREAM:
        options = UpstreamOptions(focus, skip, label_filter, parallel, report_prefix, verify_list, run_id, kubeconfig)
        raise typer.Exit(run_upstream_tests(assets, config, report, options))
    given = {"--assets": assets, "--fast": fast, "--soak": soak, "--scenarios": extra}
    refused = tuple(name for name, value in given.items() if value)
    asked = InDagger(
        config, report, module, run_id, tuple(ids), tuple(family), focus or "", skip or "", parallel, shard, refused
    )
    if choose(runner, asked) is Runner.DAGGER:
        raise typer.Exit(execute_in_dagger(asked))
    # Here and not above, since a wrong option must not wait for gRPC and pytest.
    from pipeline.suite.__main__ import components, execute  # noqa: PLC0415
    from pipeline.suite.run import RunRequest  # noqa: PLC0415
    from pipeline.suite.selection import Selection, parse_shard  # noqa: PLC0415

    selection = Selection(tuple(ids), tuple(family), focus or "", skip or "", fast, soak, parse_shard(shard))
    folder = ensure_assets(assets, config, components(selection, extra) if assets is None else ())
    raise typer.Exit(execute(RunRequest(folder, report, selection, parallel, run_id, tuple(extra))))
