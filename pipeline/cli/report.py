"""`kms-e2e report`: show, re-make, merge and compare the reports of runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.core.result import Outcome, RunReport
from pipeline.errors import EXIT_SUITE_FAILED
from pipeline.report import files
from pipeline.report.compare import Change, Comparison, Direction, compare_reports
from pipeline.report.conformance import Statement, Verdict, statement_of
from pipeline.report.evidence import read_report
from pipeline.report.figures import duration, moment
from pipeline.report.upstream import compare_upstream, read_upstream

app = typer.Typer(help="Show, re-make, merge and compare reports.", no_args_is_help=True)

_STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.ERROR: "bold yellow", Outcome.NOT_RUN: "dim"}
_VERDICTS = {Verdict.CONFORMANT: "bold green", Verdict.NOT_CONFORMANT: "bold red", Verdict.INCOMPLETE: "bold yellow"}
_DIRECTIONS = {Direction.WORSE: "red", Direction.BETTER: "green", Direction.OTHER: "cyan"}


@app.command()
def show(folder: Annotated[Path, typer.Argument(help="The folder of a report.")]) -> None:
    """Show a report as a table: the outcome of each scenario and the conformance statement."""
    run, console = read_report(folder), Console()
    table = _table(escape(f"{run.plugin}, run {run.run_id}"), "", "id", "scenario", "level", "took")
    for item in sorted(run.scenarios, key=lambda item: item.id):
        took = duration(item.duration_s) if item.duration_s else ""
        text = f"{item.title}\n{item.reason}" if item.reason else item.title
        table.add_row(
            *(escape(word) for word in (item.outcome, item.id, text, item.level, took)), style=_STYLES[item.outcome]
        )
    console.print(table)
    _print_statement(console, run, statement_of(run))


@app.command()
def html(folder: Annotated[Path, typer.Argument(help="The folder of a report, also of an interrupted run.")]) -> None:
    """Make report.html and the other derived files anew from the evidence in a folder."""
    from pipeline.report.write import write_report  # noqa: PLC0415 - other commands must not wait for jinja2

    run = read_report(folder)
    write_report(folder, run)
    typer.echo((folder / files.HTML_FILE).resolve())


@app.command()
def merge(
    folders: Annotated[list[Path], typer.Argument(help="The report folders of the shards.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new or empty folder for the merged report.")],
) -> None:
    """Make one report of the shards of a run; ends like the worst of them."""
    from pipeline.report.merge import merge_folders  # noqa: PLC0415 - other commands must not wait for jinja2

    run = merge_folders(folders, output)
    _print_statement(Console(), run, statement_of(run))
    typer.echo((output / files.HTML_FILE).resolve())
    raise typer.Exit(run.exit_code)


@app.command("matrix")
def collect(
    folders: Annotated[
        list[Path], typer.Argument(help="Report folders of any plugins, Kubernetes versions and shards.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new or empty folder for the matrix.")],
) -> None:
    """Make one table of many runs, as the jobs of a CI leave them; shards of one run are merged first."""
    from pipeline.cli.matrix import show_matrix  # noqa: PLC0415 - other commands must not wait for jinja2
    from pipeline.report.matrix_folder import collect_matrix  # noqa: PLC0415

    found = collect_matrix(folders, output)
    show_matrix(found)
    typer.echo((output / files.MATRIX_HTML_FILE).resolve())
    raise typer.Exit(found.exit_code)


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(help="The report folder to compare with.")],
    after: Annotated[Path, typer.Argument(help="The report folder to judge.")],
) -> None:
    """Show what changed between two runs; exit code 1 when something got worse."""
    comparison = compare_reports(read_report(before), read_report(after))
    upstream = compare_upstream(read_upstream(before), read_upstream(after))
    _print_comparison(Console(), comparison, upstream)
    if comparison.worse or any(change.direction is Direction.WORSE for change in upstream):
        raise typer.Exit(EXIT_SUITE_FAILED)


def _print_statement(console: Console, run: RunReport, statement: Statement) -> None:
    counts = ", ".join(f"{run.count(outcome)} {outcome.value}" for outcome in Outcome)
    took = duration(run.finished_at - run.started_at)
    console.print(f"{counts}; started {moment(run.started_at)}, took {took}", highlight=False, soft_wrap=True)
    musts = statement.musts
    console.print(
        f"{statement.verdict}: {len(musts.passed)} of the plugin's {musts.total} MUSTs passed",
        style=_VERDICTS[statement.verdict],
        highlight=False,
        soft_wrap=True,
    )
    for item in (*musts.failed, *musts.not_run):
        console.print(f"  {item.id} {item.outcome}: {escape(item.reason)}", highlight=False, soft_wrap=True)
    for note in run.notes:
        console.print(f"note: {escape(note)}", highlight=False, soft_wrap=True)


def _print_comparison(console: Console, comparison: Comparison, upstream: Sequence[Change]) -> None:
    for title, changes in (
        ("Outcomes", comparison.outcomes),
        ("Upstream's tests", upstream),
        ("Versions and binaries", comparison.facts),
        ("Latencies (shown, not judged)", comparison.latencies),
    ):
        if changes:
            console.print(_changes(title, changes))
    if not comparison.outcomes:
        console.print("no outcome changed", highlight=False, soft_wrap=True)


def _changes(title: str, changes: Iterable[Change]) -> Table:
    table = _table(title, "", "what", "before", "after")
    for change in changes:
        text = f"{change.what}\n{change.reason}" if change.reason else change.what
        words = (change.direction, text, change.before, change.after)
        table.add_row(*(escape(word) for word in words), style=_DIRECTIONS[change.direction])
    return table


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
