"""The raw evidence of a run: appended line by line while it runs, read back even when it was cut short.

A run starts with `begin_report`, which writes run.json: the report as it would be if the run ended at once.
`collect` lays what was found since over it. So a run that was killed still has its report, and says
which scenarios are missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from pipeline.core.result import (
    Event,
    KmsCall,
    NotRun,
    Outcome,
    RunReport,
    ScenarioResult,
    from_json,
    to_json,
)
from pipeline.errors import EXIT_PASSED, EXIT_SUITE_FAILED, EXIT_WRONG_INPUT, InputError
from pipeline.report import files
from pipeline.report.provenance import read_provenance

Record = TypeVar("Record")

_BADNESS: Final = {Outcome.PASSED: 0, Outcome.NOT_RUN: 1, Outcome.ERROR: 2, Outcome.FAILED: 3}


def begin_report(folder: Path, run: RunReport) -> None:
    """Write run.json, before the first scenario starts.

    `run.scenarios` holds the whole catalogue: what is planned as *not run, interrupted*, the rest as *not
    run* with its reason, so that a part of the suite never looks like the whole.

    Raises: InputError when an id is planned and not among the scenarios.
    """
    _refuse_undescribed(run, folder / files.RUN_FILE)
    files.write_whole(folder / files.RUN_FILE, files.encode_json(to_json(run, indent=1)))


def append_result(folder: Path, result: ScenarioResult) -> None:
    """Append the outcome of a scenario to results.jsonl, with one write, so that several writers do not mix."""
    path = folder / files.RESULTS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(handle, files.encode_json(to_json(result)))
    finally:
        os.close(handle)


def read_report(folder: Path) -> RunReport:
    """Return the report of a folder: report.json, or else what can be collected from the raw evidence.

    Raises: InputError when the folder holds neither, or report.json is of another schema version.
    """
    path = folder / files.REPORT_FILE
    if path.is_file():
        return from_json(RunReport, path.read_text(encoding="utf-8", errors="replace"), where=str(path))
    return collect(folder)


def collect(folder: Path) -> RunReport:
    """Assemble a report from run.json, results.jsonl, events.jsonl, calls/ and provenance.json.

    A planned scenario without result is *not run, interrupted*. Lines that cannot be read (a torn last
    line) are left out and named in `notes`.

    Raises: InputError when the folder holds no run.json.
    """
    base = _begun(folder)
    notes = list(base.notes)
    scenarios = _lay_over(base, read_lines(folder / files.RESULTS_FILE, ScenarioResult, notes), notes)
    events = read_lines(folder / files.EVENTS_FILE, Event, notes)
    calls = [
        call
        for name in sorted((folder / files.CALLS_FOLDER).glob("*.jsonl"))
        for call in read_lines(name, KmsCall, notes, shown=f"{files.CALLS_FOLDER}/{name.name}")
    ]
    provenance = read_provenance(folder / files.PROVENANCE_FILE, notes)
    collected = replace(
        base,
        scenarios=scenarios,
        events=tuple(sorted(events, key=lambda event: event.at)),
        calls=tuple(sorted(calls, key=lambda call: call.at)),
        artifacts=base.artifacts or provenance.artifacts,
        kubernetes=base.kubernetes or provenance.kubernetes,
        go_version=base.go_version or provenance.go_version,
        go_version_source=base.go_version_source or provenance.go_version_source,
        platform=base.platform or provenance.platform,
        kms_version=base.kms_version or provenance.kms_version,
    )
    return _judged(replace(collected, notes=tuple(notes)))


def _begun(folder: Path) -> RunReport:
    path = folder / files.RUN_FILE
    if not path.is_file():
        raise InputError(
            "the folder holds no report",
            seen=_listing(folder),
            wanted=f"{files.REPORT_FILE} or {files.RUN_FILE}",
            where=str(folder),
            next_step="name the folder that was given to `kms-e2e run --report`",
        )
    base = from_json(RunReport, path.read_text(encoding="utf-8", errors="replace"), where=str(path))
    _refuse_undescribed(base, path)
    return base


def read_lines(path: Path, kind: type[Record], notes: list[str], *, shown: str = "") -> list[Record]:
    """Return the records of a file of JSON lines; what cannot be read is left out and said in `notes`."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    records = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            records.append(from_json(kind, line, where=f"{path}:{number}"))
        except InputError as error:
            torn = "the last line is torn" if number == len(lines) else f"line {number} cannot be read"
            notes.append(f"{shown or path.name}: {torn} ({len(line)} characters) and is left out: {error.seen}")
    return records


def _lay_over(base: RunReport, results: Iterable[ScenarioResult], notes: list[str]) -> tuple[ScenarioResult, ...]:
    scenarios = {scenario.id: scenario for scenario in base.scenarios}
    seen: dict[str, Outcome] = {}
    for result in results:
        if result.id not in base.planned:
            notes.append(f"{files.RESULTS_FILE}: {result.id} has a result, although it was not planned")
        if result.id in seen:
            notes.append(f"{files.RESULTS_FILE}: {result.id} has more than one result; the worst one counts")
            if _BADNESS[result.outcome] <= _BADNESS[seen[result.id]]:
                continue
        scenarios[result.id] = result
        seen[result.id] = result.outcome
    return tuple(scenarios[name] for name in sorted(scenarios))


def _judged(run: RunReport) -> RunReport:
    interrupted = any(is_interrupted(scenario) for scenario in run.scenarios)
    return replace(
        run,
        interrupted=interrupted,
        finished_at=max(_moments(run), default=run.started_at),
        exit_code=EXIT_SUITE_FAILED if interrupted else _exit_code(run),
    )


def _exit_code(run: RunReport) -> int:
    """Return 0 when something passed and nothing is bad, 2 when all that is bad is what the run was given, else 1."""
    bad = [scenario for scenario in run.scenarios if scenario.is_bad]
    if bad and all(scenario.wrong_input for scenario in bad):
        return EXIT_WRONG_INPUT
    return EXIT_SUITE_FAILED if bad or not _proved(run) else EXIT_PASSED


def _proved(run: RunReport) -> bool:
    """Tell whether a scenario passed, or failed as expected."""
    return any(scenario.outcome is Outcome.PASSED or scenario.expected for scenario in run.scenarios)


def _moments(run: RunReport) -> Iterator[float]:
    yield max(run.started_at, run.finished_at)
    yield from (scenario.started_at + scenario.duration_s for scenario in run.scenarios)
    yield from (event.at for event in run.events)
    yield from (call.at + call.duration_s for call in run.calls)


def is_interrupted(scenario: ScenarioResult) -> bool:
    """Say whether a scenario has no outcome because the run ended before it."""
    return scenario.outcome is Outcome.NOT_RUN and scenario.reason.startswith(NotRun.INTERRUPTED)


def _refuse_undescribed(run: RunReport, path: Path) -> None:
    missing = sorted(set(run.planned) - {scenario.id for scenario in run.scenarios})
    if missing:
        raise InputError("scenarios are planned and not described", seen=", ".join(missing), where=str(path))


def _listing(folder: Path) -> str:
    if not folder.is_dir():
        return "no such folder"
    return ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "an empty folder"
