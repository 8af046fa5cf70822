"""`kms-e2e matrix`: several plugins on several Kubernetes versions, in one report."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from pipeline.cli.assets import project_at
from pipeline.cli.module_options import GoProxyOption, GoSumDatabaseOption
from pipeline.cli.run import default_report
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
from pipeline.core.build_plan import PLATFORMS
from pipeline.core.kubernetes import RELEASES, find_release
from pipeline.core.result import NotRun, Outcome, RunReport
from pipeline.errors import InputError, KmsE2EError
from pipeline.host.build import build_assets, request_for
from pipeline.host.jobs import host_platform
from pipeline.host.module_proxy import ModuleProxy
from pipeline.host.progress_bar import terminal_progress
from pipeline.host.project import Project, find_project
from pipeline.report import files
from pipeline.report.figures import duration
from pipeline.report.matrix import Cell, Matrix, Place, cell_of, error_cell, folder_name, matrix_of

if TYPE_CHECKING:
    from pipeline.suite.run import RunRequest

_STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.ERROR: "bold yellow", Outcome.NOT_RUN: "dim"}


def matrix(
    config: list[Path] = typer.Option(
        [], "--config", "-c", metavar="PATH", help="kms-e2e.toml of a plugin, or its folder. May be repeated."
    ),
    kubernetes: list[str] = typer.Option(
        [], help="Kubernetes version, such as 1.36. May be repeated; those of the configuration, else all supported."
    ),
    platform: list[str] = typer.Option(
        [], help="Platform, such as linux/arm64. May be repeated; this machine's. Another one is reported as not run."
    ),
    report: Path = typer.Option(
        default_report, "--report", help="Folder for matrix.html and a folder a run ($ARTIFACTS, else _artifacts)."
    ),
    ids: IdsOption = None,
    family: FamilyOption = None,
    focus: FocusOption = None,
    skip: SkipOption = None,
    fast: FastOption = False,
    soak: SoakOption = False,
    parallel: ParallelOption = 0,
    shard: ShardOption = "1/1",
    extra: ExtraOption = None,
    goproxy: GoProxyOption = None,
    gosumdb: GoSumDatabaseOption = None,
) -> None:
    """Run the suite for each plugin on each Kubernetes version, one after another, and report them in one table."""
    # Here and not above, since a wrong option must not wait for gRPC and pytest.
    from pipeline.report.matrix_folder import write_matrix  # noqa: PLC0415
    from pipeline.suite.run import RunRequest  # noqa: PLC0415
    from pipeline.suite.selection import Selection, parse_shard  # noqa: PLC0415

    selection = Selection(
        tuple(ids or ()), tuple(family or ()), focus or "", skip or "", fast, soak, parse_shard(shard)
    )
    proxy = ModuleProxy(goproxy, gosumdb)
    proxy.check()
    base = RunRequest(Path(), report, selection, parallel, extra=tuple(extra or ()))
    planned = _planned(_projects(config), kubernetes, platform or [host_platform()])
    found = matrix_of(_results(planned, base, proxy))
    write_matrix(report, found)
    show_matrix(found)
    typer.echo((report / files.MATRIX_HTML_FILE).resolve())
    raise typer.Exit(found.exit_code)


def show_matrix(found: Matrix) -> None:
    """Print the cells as a table, then the scenarios on which they differ."""
    console = Console()
    fixed = [Column(name, no_wrap=True) for name in ("plugin", "Kubernetes", "platform")]
    table = Table(*fixed, "", "conformance", "scenarios", "took", box=box.SIMPLE_HEAD, pad_edge=False)
    for cell in found.cells:
        ended = ((cell.passed, "passed"), (cell.failed, "failed"), (cell.not_run, "not run"))
        counts = ", ".join(f"{count} {word}" for count, word in ended if count)
        outcome = f"{cell.outcome}\n{cell.reason}" if cell.reason else cell.outcome
        took = duration(cell.duration_s) if cell.duration_s else ""
        place = (cell.place.plugin, cell.place.kubernetes, cell.place.platform)
        words = (*place, outcome, cell.verdict, counts, took)
        table.add_row(*map(escape, words), style=_STYLES[cell.outcome])
    console.print(table)
    for row in found.differences:
        outcomes = ", ".join(
            f"{cell.place.plugin} on {cell.place.kubernetes} {outcome or 'not planned'}"
            for cell, outcome in zip(found.cells, row.outcomes, strict=True)
        )
        console.print(f"{row.id} {escape(row.title)}: {outcomes}", highlight=False, soft_wrap=True)


def _projects(places: Sequence[Path]) -> list[Project]:
    projects = [find_project(place) for place in places] or [project_at(None)]
    folders = [folder_name(project.config.name) for project in projects]
    twice = [project for project, folder in zip(projects, folders, strict=True) if folders.count(folder) > 1]
    if twice:
        raise InputError(
            "two plugins of the matrix have one name, or names with one folder",
            seen=", ".join(project.config.name for project in twice),
            where=", ".join(str(project.file) for project in twice),
            next_step="give each a name of its own in its kms-e2e.toml",
        )
    return projects


def _planned(
    projects: Sequence[Project], versions: Sequence[str], platforms: Sequence[str]
) -> list[tuple[Project, Place]]:
    """Return the cells of the matrix, each once; wrong versions and platforms are refused before anything runs."""
    for platform in platforms:
        if platform not in PLATFORMS:
            raise InputError("no such platform", seen=platform, wanted=", ".join(PLATFORMS), where="--platform")
    oldest_first = [release.minor for release in reversed(RELEASES)]
    cells = [
        (project, Place(project.config.name, find_release(version).git_version, platform))
        for project in projects
        for version in versions or project.config.kubernetes or oldest_first
        for platform in platforms
    ]
    return list({place: (project, place) for project, place in cells}.values())


def _results(
    planned: Sequence[tuple[Project, Place]], base: RunRequest, proxy: ModuleProxy
) -> Iterator[tuple[Cell, RunReport | None]]:
    interrupted = False
    for project, place in planned:
        if place.platform != host_platform():
            yield Cell(place, Outcome.NOT_RUN, reason=NotRun.NEEDS_ARCHITECTURE), None
        elif interrupted:
            yield Cell(place, Outcome.NOT_RUN, reason=NotRun.INTERRUPTED, exit_code=1), None
        else:
            cell, run = _result(project, place, base, proxy)
            interrupted = cell.reason == NotRun.INTERRUPTED
            yield cell, run


def _result(project: Project, place: Place, base: RunRequest, proxy: ModuleProxy) -> tuple[Cell, RunReport | None]:
    from pipeline.suite.__main__ import components, show, summary  # noqa: PLC0415 - as above
    from pipeline.suite.run import run_suite  # noqa: PLC0415

    typer.echo(f"\n{place.plugin} on Kubernetes {place.kubernetes}, {place.platform}")
    folder = base.report / place.folder
    try:
        needed = components(base.selection, base.extra, place.kubernetes)
        request = dataclasses.replace(request_for(project), kubernetes=place.kubernetes, components=needed, proxy=proxy)
        with terminal_progress() as progress:
            assets = build_assets(request, progress).folder
        run = run_suite(dataclasses.replace(base, assets=assets, report=folder), show)
    except KmsE2EError as error:
        typer.echo(f"error: {error}", err=True)
        return error_cell(place, error), None
    except KeyboardInterrupt:
        return Cell(place, Outcome.NOT_RUN, reason=NotRun.INTERRUPTED, exit_code=1), None
    typer.echo(summary(run, folder))
    return dataclasses.replace(cell_of(run, place.folder), place=place), run
