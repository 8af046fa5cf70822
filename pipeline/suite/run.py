"""Run a selection of the catalogue on a folder of binaries and leave a folder of evidence."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline import __version__
from pipeline.core.plugin_spec import PluginSpec
from pipeline.core.result import NotRun, Outcome, RunReport, ScenarioResult
from pipeline.errors import InputError, KmsE2EError, MachineError
from pipeline.harness.control_plane import Equipment
from pipeline.harness.plugin import Plugin
from pipeline.harness.secret_values import all_secrets
from pipeline.harness.supervisor import Supervisor
from pipeline.report.evidence import begin_report
from pipeline.report.evidence import collect as collect_report
from pipeline.report.write import write_report
from pipeline.suite.collection import PYTEST_OPTIONS, Collected, collect
from pipeline.suite.equipment import assert_control_plane, load_equipment
from pipeline.suite.expected import assert_known, unexpected_passes
from pipeline.suite.job import job_variables
from pipeline.suite.recorder import ResultWriter, blank
from pipeline.suite.report_folder import prepare
from pipeline.suite.scenario import Scenario
from pipeline.suite.scheduling import in_order, schedule
from pipeline.suite.selection import Selection
from pipeline.suite.termination import terminable
from pipeline.suite.tracing import spans_of
from pipeline.suite.unbuilt import unbuilt

Show = Callable[[ScenarioResult], None]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to run: binaries, where evidence goes, which scenarios.

    `parallel` is the number of workers, 0 for one that fits the machine. `extra` are files with other projects'
    scenarios, `pytest_plugins` names of modules that override fixtures.
    """

    assets: Path
    report: Path
    selection: Selection = field(default_factory=Selection)
    parallel: int = 0
    run_id: str = ""
    extra: tuple[Path, ...] = ()
    pytest_plugins: tuple[str, ...] = ()


def run_suite(request: RunRequest, show: Show) -> RunReport:
    """Run the suite, write the report in every case, and return it.

    `show` is told the result of each scenario as it ends.

    Raises: InputError for a selection or folder that cannot be used; ProcessError when the plugin does not
    start at all. What was found until then is written.
    """
    catalogue = collect(request.extra)
    chosen = {entry.id for entry in request.selection.choose([item.entry for item in catalogue])}
    planned = [item for item in catalogue if item.entry.id in chosen]
    equipment = load_equipment(request.assets, request.report)
    assert_known(equipment.plugin, [item.entry for item in catalogue])
    if any(_needs_control_plane(item.entry) for item in planned):
        assert_control_plane(request.assets)
    prepare(request.report, request.assets)
    begin_report(request.report, _header(request, equipment, catalogue, planned))
    try:
        with spans_of(os.environ) as add_span:
            _execute(request, equipment, planned, show, add_span)
    except KeyboardInterrupt:
        pass  # the planned scenarios without a result are in the report as interrupted
    except KmsE2EError as error:
        with contextlib.suppress(OSError):  # a full disk takes no report either
            write(request.report, equipment.plugin, exit_code=error.exit_code, note=str(error))
        raise
    return write(request.report, equipment.plugin)


def _execute(
    request: RunRequest, equipment: Equipment, planned: Sequence[Collected], show: Show, add_span: Show
) -> None:
    def tell(result: ScenarioResult) -> None:
        add_span(result)
        show(result)

    entries = {item.node: item.entry for item in planned}
    writer = ResultWriter(request.report, entries, tell, dict(equipment.plugin.expected))
    try:
        with terminable():
            _preflight(equipment)
            _run_phases(request, planned, writer)
        writer.finish_missing()
    finally:
        for item in planned:
            if item.entry.id not in writer.results:
                add_span(blank(item.entry, Outcome.NOT_RUN, NotRun.INTERRUPTED))


def _run_phases(request: RunRequest, planned: Sequence[Collected], writer: ResultWriter) -> None:
    together = [item for item in planned if not item.entry.alone]
    alone = [item for item in planned if item.entry.alone]
    if together:
        plan = schedule([item.entry for item in together], request.parallel)
        plan = dataclasses.replace(plan, groups=tuple((item.node, item.entry.group) for item in together))
        by_id = {item.entry.id: item for item in together}
        together = [by_id[entry.id] for entry in in_order([item.entry for item in together], plan.sleepers)]
        # Without the last option the largest groups would begin first, not the longest waits.
        options = ("--dist", "loadgroup", "--max-worker-restart", "4", "--no-loadscope-reorder")
        workers = ("-n", str(plan.workers), *options)
        _run_pytest(request, together, [writer, plan], workers if plan.workers > 1 else ())
        _assert_evidence(request, writer)
    if alone:
        _run_pytest(request, alone, [writer], ())
        _assert_evidence(request, writer)


def _run_pytest(
    request: RunRequest, items: Sequence[Collected], plugins: Sequence[object], options: Sequence[str]
) -> None:
    arguments = [
        *PYTEST_OPTIONS,
        *("-p", "pipeline.suite.recorder", "-p", "no:terminal"),
        *("--kms-assets", str(request.assets.resolve()), "--kms-report", str(request.report.resolve())),
        *options,
        *(word for name in request.pytest_plugins for word in ("-p", name)),
        *(item.argument for item in items),
    ]
    code = pytest.main(arguments, plugins=plugins)
    if code is pytest.ExitCode.INTERRUPTED and not any(getattr(plugin, "failure", None) for plugin in plugins):
        raise KeyboardInterrupt
    if code in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        msg = f"pytest ended with {code!r}"
        raise RuntimeError(msg)


def _assert_evidence(request: RunRequest, writer: ResultWriter) -> None:
    if writer.failure is not None:
        raise MachineError(
            "the evidence cannot be written",
            seen=str(writer.failure),
            wanted="room for logs and results",
            where=str(request.report),
            next_step="free some room, or name another folder by --report",
        ) from writer.failure


def _preflight(equipment: Equipment) -> None:
    """Start the plugin once, so that one that cannot start gives one message and not one a scenario."""
    evidence = equipment.evidence
    with Supervisor("preflight", logs=evidence.logs("preflight"), on_event=evidence.add_event) as supervisor:
        plugin = Plugin(equipment.plugin, supervisor, assets=equipment.assets)
        plugin.assert_hooks()
        plugin.start()
        plugin.client.close()


def _why_not(entry: Scenario, selection: Selection, *, planned: bool) -> NotRun:
    if planned:  # until its result is there
        return NotRun.INTERRUPTED
    return NotRun.SOAK if entry.soak and not selection.soak else NotRun.NOT_SELECTED


def _header(
    request: RunRequest, equipment: Equipment, catalogue: Sequence[Collected], planned: Sequence[Collected]
) -> RunReport:
    chosen = {item.entry.id for item in planned}
    rows = [
        blank(item.entry, Outcome.NOT_RUN, _why_not(item.entry, request.selection, planned=item.entry.id in chosen))
        for item in catalogue
    ]
    return RunReport(
        run_id=request.run_id or uuid.uuid4().hex,
        suite_version=__version__,
        started_at=time.time(),
        finished_at=0.0,
        plugin=equipment.plugin.name,
        kubernetes="",  # the report takes the versions from provenance.json
        go_version="",
        go_version_source="",
        exit_code=1,
        planned=tuple(item.entry.id for item in planned),
        scenarios=(*rows, *unbuilt({item.entry.id for item in catalogue})),
        job=job_variables(os.environ),
        host=f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}",
    )


def write(report: Path, plugin: PluginSpec | None = None, *, exit_code: int | None = None, note: str = "") -> RunReport:
    """Write the report of what was found until now, and return it; an `exit_code` outweighs the results.

    `note` is for the reader of the report.

    The secrets of `plugin` are taken out of every file, and its expected failures that passed are noted.

    Raises: MachineError when the folder cannot be written.
    """
    if plugin is not None:
        with contextlib.suppress(InputError):  # a secret that is not there was written nowhere
            all_secrets(plugin).scrub(report)
    run = dataclasses.replace(collect_report(report), finished_at=time.time())
    run = dataclasses.replace(run, notes=(*run.notes, *(unexpected_passes(run, plugin) if plugin else ())))
    if exit_code is not None:
        run = dataclasses.replace(run, exit_code=exit_code)
    if note:
        run = dataclasses.replace(run, notes=(*run.notes, note))
    write_report(report, run)
    return run


def _needs_control_plane(entry: Scenario) -> bool:
    return entry.family != "A"
