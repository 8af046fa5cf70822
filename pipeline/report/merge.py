"""Making one report of the shards of a run."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pipeline.core.result import Outcome, RunReport, ScenarioResult, to_json
from pipeline.errors import InputError, MachineError
from pipeline.report import files
from pipeline.report.evidence import read_report
from pipeline.report.write import write_report

_VERSIONS: Final = ("plugin", "kubernetes", "go_version", "suite_version")


def merge_reports(reports: Sequence[RunReport]) -> RunReport:
    """Return the report of the whole, of reports that each ran other scenarios.

    Versions that differ are said in `notes`. The planes' names stay; `merge_folders` makes them differ.

    Raises: InputError for fewer than two reports, and when two of them ran the same scenario.
    """
    if len(reports) < 2:  # noqa: PLR2004 - one report is whole already
        raise InputError("there is nothing to merge", seen=f"{len(reports)} report", wanted="two or more")
    _refuse_overlap(reports)
    first = min(reports, key=lambda run: (run.started_at, run.run_id))
    return replace(
        first,
        run_id="+".join(dict.fromkeys(run.run_id for run in reports)),
        finished_at=max(run.finished_at for run in reports),
        exit_code=max(run.exit_code for run in reports),
        interrupted=any(run.interrupted for run in reports),
        planned=tuple(sorted(name for run in reports for name in run.planned)),
        scenarios=_scenarios(reports),
        artifacts=tuple(dict.fromkeys(artifact for run in reports for artifact in run.artifacts)),
        events=tuple(sorted((event for run in reports for event in run.events), key=lambda event: event.at)),
        calls=tuple(sorted((call for run in reports for call in run.calls), key=lambda call: call.at)),
        host="; ".join(dict.fromkeys(run.host for run in reports if run.host)),
        notes=(*dict.fromkeys(note for run in reports for note in run.notes), *_differences(reports)),
    )


def merge_folders(folders: Sequence[Path], output: Path) -> RunReport:
    """Merge the reports of several folders into `output`, with their logs, metrics and calls, and return it.

    The control planes of the n-th folder are called shardN-<plane>, since each shard has one called `shared`.

    Raises: InputError as `merge_reports`, and when `output` exists and is not empty; MachineError when it
    cannot be written.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError("the output of a merge must be a new or empty folder", where=str(output))
    shards = [(f"shard{number}-", folder) for number, folder in enumerate(folders, start=1)]
    merged = merge_reports([_rename_planes(read_report(folder), prefix) for prefix, folder in shards])
    try:
        for prefix, folder in shards:
            _copy_evidence(folder, output, prefix)
    except OSError as error:
        raise MachineError("the evidence of a shard could not be copied", seen=str(error), where=str(output)) from error
    planes = sorted({call.plane for call in merged.calls})
    for plane in planes:
        lines = "\n".join(to_json(call) for call in merged.calls if call.plane == plane)
        files.write_whole(output / files.CALLS_FOLDER / f"{plane}.jsonl", files.encode_json(lines))
    write_report(output, merged)
    return merged


def _copy_evidence(folder: Path, output: Path, prefix: str) -> None:
    for kind in (files.LOGS_FOLDER, files.METRICS_FOLDER):
        for plane in sorted(path for path in (folder / kind).glob("*") if path.is_dir()):
            shutil.copytree(plane, output / kind / f"{prefix}{plane.name}")
    provenance, target = folder / files.PROVENANCE_FILE, output / files.PROVENANCE_FILE
    if not provenance.is_file():
        return
    output.mkdir(parents=True, exist_ok=True)
    if target.is_file() and target.read_bytes() != provenance.read_bytes():
        target = output / f"{prefix}{files.PROVENANCE_FILE}"
    shutil.copyfile(provenance, target)


def _rename_planes(run: RunReport, prefix: str) -> RunReport:
    """Return `run` with `prefix` before the name of every control plane, so that those of several shards differ."""
    return replace(
        run,
        scenarios=tuple(replace(item, plane=item.plane and prefix + item.plane) for item in run.scenarios),
        events=tuple(replace(event, plane=event.plane and prefix + event.plane) for event in run.events),
        calls=tuple(replace(call, plane=call.plane and prefix + call.plane) for call in run.calls),
    )


def _refuse_overlap(reports: Iterable[RunReport]) -> None:
    owner: dict[str, str] = {}
    for run in reports:
        for name in run.planned:
            if name in owner:
                raise InputError(
                    "two reports ran the same scenario",
                    seen=f"{name} in {owner[name]} and in {run.run_id}",
                    wanted="each scenario in one report, as --shard K/N makes them",
                    next_step="name each shard once; `kms-e2e report compare` shows two runs of the same scenarios",
                )
            owner[name] = run.run_id


def _scenarios(reports: Iterable[RunReport]) -> tuple[ScenarioResult, ...]:
    """Return each scenario as its own shard saw it; one that no shard planned stays not run."""
    found: dict[str, ScenarioResult] = {}
    for run in reports:
        for scenario in run.scenarios:
            if scenario.id in run.planned or scenario.outcome is not Outcome.NOT_RUN:
                found[scenario.id] = scenario
            else:
                found.setdefault(scenario.id, scenario)
    return tuple(found[name] for name in sorted(found))


def _differences(reports: Sequence[RunReport]) -> Iterable[str]:
    for field in _VERSIONS:
        values = dict.fromkeys(str(getattr(run, field)) for run in reports)
        if len(values) > 1:
            yield f"the merged reports differ in {field}: {', '.join(values)}"
    digests: dict[str, set[str]] = {}
    for run in reports:
        for artifact in run.artifacts:
            digests.setdefault(artifact.name, set()).add(artifact.sha256)
    for name, found in sorted(digests.items()):
        if len(found) > 1:
            yield f"the merged reports were made with different binaries of {name}"
