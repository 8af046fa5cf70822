"""`kms-e2e kubernetes`: which Kubernetes releases there are, and how a new one is pinned."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.core.kubernetes import DEFAULT_RELEASE, FOLDER, RELEASES
from pipeline.host.compile import Builder
from pipeline.host.paths import cache_paths
from pipeline.host.pin import pin_release
from pipeline.host.progress import terminal_progress

app = typer.Typer(help="Show the supported Kubernetes releases, or pin a new one.", no_args_is_help=True)


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
