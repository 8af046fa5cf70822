"""`kms-e2e probe`: family A against a plugin that is running, in seconds."""

from __future__ import annotations

import dataclasses
import platform
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline import __version__
from pipeline.core.result import Level, NotRun, Outcome, RunReport, ScenarioResult
from pipeline.errors import EXIT_PASSED, EXIT_SUITE_FAILED, EXIT_WRONG_INPUT

if TYPE_CHECKING:
    from pipeline.harness.kms import KmsClient, SocketAddress
    from pipeline.suite.scenario import Scenario
    from pipeline.suite.wire.attached import WireScenario

_STYLES: Final = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.ERROR: "magenta", Outcome.NOT_RUN: "dim"}


def probe(
    socket: str = typer.Argument(help="Where the plugin listens: unix:///path, unix:///@abstract-name or a path."),
    report: Path | None = typer.Option(None, "--report", help="Folder for a report; none is written by default."),
    timeout: float = typer.Option(3.0, "--timeout", min=0.1, help="Seconds that each call may take."),
) -> None:
    """Check the wire protocol of a KMS v2 plugin that is running. Needs no Go, no etcd, no kube-apiserver.

    Makes about 1300 Status, 650 Encrypt and 850 Decrypt calls, which a remote KMS may bill.
    """
    # Here and not above, so that a wrong option does not wait for gRPC and pytest.
    from pipeline.harness.kms import KmsClient, parse_address  # noqa: PLC0415
    from pipeline.suite.report_folder import clear_report  # noqa: PLC0415
    from pipeline.suite.wire.attached import first_status, wire_scenarios  # noqa: PLC0415

    address = parse_address(socket)
    scenarios, console = wire_scenarios(), Console()
    status = first_status(address, timeout)
    if status is not None:
        console.print(f"{address}: KMS {_shown(status.version)}, healthz {_shown(status.healthz)}")
    if report is not None:
        clear_report(report)  # one that cannot be used is said before the plugin is asked so often
    started_at = time.time()
    with KmsClient(address, timeout) as client:
        results = _run(client, scenarios, console)
    console.print(_table(results))
    console.print(_left_out(results), style="dim", markup=False)
    if report is not None:
        _write(report, address, started_at, results)
        console.print(f"report: {report}/report.html")
    console.print(_summary(results))
    raise typer.Exit(_exit_code(results))


def _run(client: KmsClient, scenarios: list[WireScenario], console: Console) -> list[ScenarioResult]:
    """Run one after the other; after a Ctrl-C the rest is *not run, interrupted*."""
    from pipeline.suite.recorder import blank  # noqa: PLC0415
    from pipeline.suite.wire.attached import run_attached  # noqa: PLC0415

    results: list[ScenarioResult] = []
    try:
        with console.status("") as line:
            for item in scenarios:
                line.update(f"{item.entry.id} {escape(item.entry.title)}")
                results.append(run_attached(client, item))
    except KeyboardInterrupt:
        left = scenarios[len(results) :]
        results += [blank(item.entry, Outcome.NOT_RUN, NotRun.INTERRUPTED) for item in left]
    return results


def _exit_code(results: list[ScenarioResult]) -> int:
    if any(result.outcome in (Outcome.FAILED, Outcome.ERROR) for result in results):
        return EXIT_SUITE_FAILED
    interrupted = any(result.reason == NotRun.INTERRUPTED for result in results)
    return EXIT_WRONG_INPUT if interrupted else EXIT_PASSED


def _shown(text: str) -> str:
    """Return what a plugin said so that it can neither style nor steer the terminal."""
    return escape("".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text))


def _table(results: list[ScenarioResult]) -> Table:
    table = Table("id", "level", "result", "what", "time")
    for result in results:
        if result.outcome is Outcome.NOT_RUN:
            continue
        style = _STYLES[result.outcome]
        reason = f"\n[{style}]{_shown(result.reason)}[/]" if result.reason else ""
        took = f"{result.duration_s * 1000:.0f} ms"
        table.add_row(result.id, result.level, f"[{style}]{result.outcome}[/]", escape(result.title) + reason, took)
    return table


def _left_out(results: list[ScenarioResult]) -> str:
    """Return a line for each reason for which scenarios were not run, and what to do about it."""
    reasons: dict[str, list[str]] = {}
    for result in results:
        if result.outcome is Outcome.NOT_RUN:
            reasons.setdefault(result.reason, []).append(result.id)
    lines = [f"not run, {reason}: {', '.join(ids)}" for reason, ids in reasons.items()]
    return "\n".join([*lines, "these need `kms-e2e run`, which starts the plugin itself"] if lines else [])


def _summary(results: list[ScenarioResult]) -> str:
    counts = ", ".join(f"{sum(result.outcome is kind for result in results)} {kind}" for kind in Outcome)
    return f"{counts}; {_verdict(results)}"


def _verdict(results: list[ScenarioResult]) -> str:
    """Say what the MUSTs say: one that ended in an error is no proof that it holds."""
    must = {kind: [r.id for r in results if r.level is Level.MUST and r.outcome is kind] for kind in Outcome}
    if must[Outcome.FAILED]:
        return f"contract broken: {', '.join(must[Outcome.FAILED])}"
    if must[Outcome.ERROR]:
        return f"not decided, since these ended in an error: {', '.join(must[Outcome.ERROR])}"
    return "no MUST of the wire protocol is broken"


def _write(folder: Path, address: SocketAddress, started_at: float, results: list[ScenarioResult]) -> None:
    """Write the same report as a whole run; the other families are in it as not selected."""
    from pipeline.report import evidence  # noqa: PLC0415
    from pipeline.report.write import write_report  # noqa: PLC0415
    from pipeline.suite.collection import collect  # noqa: PLC0415
    from pipeline.suite.recorder import blank  # noqa: PLC0415
    from pipeline.suite.unbuilt import unbuilt  # noqa: PLC0415

    entries: list[Scenario] = [item.entry for item in collect()]
    probed = {result.id: result for result in results}
    rows = [probed.get(entry.id) or blank(entry, Outcome.NOT_RUN, NotRun.NOT_SELECTED) for entry in entries]
    run = RunReport(
        run_id=uuid.uuid4().hex,
        suite_version=__version__,
        started_at=started_at,
        finished_at=time.time(),
        plugin=str(address),
        kubernetes="",
        go_version="",
        go_version_source="",
        exit_code=EXIT_SUITE_FAILED,
        planned=tuple(probed),
        scenarios=(*rows, *unbuilt({entry.id for entry in entries})),
        host=f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}",
    )
    evidence.begin_report(folder, run)
    for result in results:
        evidence.append_result(folder, result)
    write_report(folder, dataclasses.replace(evidence.collect(folder), finished_at=run.finished_at))
