"""`kms-e2e kubernetes`: which Kubernetes releases there are, and how a new one is pinned."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.core.kubernetes import DEFAULT_RELEASE, FOLDER, RELEASES
from pipeline.errors import EXIT_SUITE_FAILED
from pipeline.host.compile import Builder
from pipeline.host.kubernetes_tree import read_tree
from pipeline.host.paths import cache_paths
from pipeline.host.pin import pin_release
from pipeline.host.progress_bar import terminal_progress
from pipeline.host.tree_tests import run_tree_tests

app = typer.Typer(
    help="Show the supported Kubernetes releases, pin a new one, or run upstream's tests.", no_args_is_help=True
)


@app.command("list")
def list_releases() -> None:
    """Show the supported releases, each with the Go that builds it; all run on the etcd of the newest."""
    table = Table("line", "release", "Go", "released", box=box.SIMPLE_HEAD, pad_edge=False)
    for release in RELEASES:
        chosen = " (default)" if release is DEFAULT_RELEASE else ""
        table.add_row(f"{release.minor}{chosen}", release.git_version, str(release.go_version), release.build_date[:10])
    console = Console()
    console.print(table)
    console.print(f"etcd {DEFAULT_RELEASE.etcd_version} for all of them", highlight=False)


@app.command()
def pin(
    version: Annotated[str, typer.Argument(help="An exact release, such as 1.37.2.")],
) -> None:
    """Write the module graphs and facts of a release into the checkout, in place of the one of its line.

    Everything is read from the release's own module; the checksum database vouches for the sums. For maintainers.
    """
    with terminal_progress() as progress:
        release = pin_release(version, Builder(cache_paths(os.environ), dict(os.environ), progress))
    typer.echo(f"{FOLDER / release.minor}: {release.git_version}, Go {release.go_version}, etcd {release.etcd_version}")


@app.command("needs-a-node")
def needs_a_node(
    report: Annotated[Path, typer.Argument(help="Report folder of `kms-e2e run --suite upstream --verify-list`.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; that of the report's line in the checkout."),
    ] = None,
) -> None:
    """Write the list of upstream's tests that need a node anew, from the JUnit file of a run. For maintainers.

    What passed leaves the list, what failed comes onto it with its failure and a class by rules. Review it.
    """
    # Here and not above, since the suite's libraries are not needed to list releases.
    from pipeline.suite.upstream.needs_a_node import FOLDER as LISTS  # noqa: PLC0415
    from pipeline.suite.upstream.needs_a_node import list_of_report  # noqa: PLC0415

    found, minor = list_of_report(report)
    path = output or LISTS / f"{minor}.json"
    path.write_text(found.to_json(), encoding="utf-8")
    typer.echo(f"{path}: {len(found.needs)} need a node, {len(found.runs)} run. Review the classes.")


@app.command("test")
def run_tests(
    source: Annotated[Path, typer.Option("--source", metavar="DIR", help="Source tree of Kubernetes.")],
    focus: Annotated[str, typer.Option(help="Only tests whose name matches this regular expression.")] = "",
) -> None:
    """Run upstream's integration tests of encryption at rest in a source tree, with the tree's Go and our etcd."""
    with terminal_progress() as progress:
        builder = Builder(cache_paths(os.environ), dict(os.environ), progress)
        tally = run_tree_tests(read_tree(source), builder, focus=focus, show=typer.echo)
    for name in tally.failed:
        typer.echo(f"FAIL {name}")
    counts = f"{len(tally.passed)} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped"
    typer.echo(counts)
    if tally.failed or not tally.passed:
        raise typer.Exit(EXIT_SUITE_FAILED)
