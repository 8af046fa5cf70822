"""What a run, a build, the command line, and a report cost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.processes import Watched, watch
from bench.statistics import Row, spread
from pipeline.core.result import Event, KmsCall, Level, Outcome, Proof, RunReport, ScenarioResult, Subject
from pipeline.harness.plugin import Plugin
from pipeline.harness.supervisor import Supervisor
from pipeline.report.write import write_report
from pipeline.suite.equipment import load_equipment

_ROOT: Final = Path(__file__).parents[1]
_CLI: Final = (sys.executable, "-c", "from pipeline.cli import main; main()")
_MIB: Final = 1 << 20
_SCENARIOS, _CALLS = 100, 20_000
_REPEATS: Final = 5
_DESCRIPTION: Final = 'name = "kms-plugin"\n[go]\n[run]\nargv = ["{assets}/kms-plugin", "--listen=unix://{socket}"]\n'


def run_rows(assets: Path, *options: str) -> list[Row]:
    """Measure a run with binaries that are there: wall and processor time, memory, control planes at once."""
    with tempfile.TemporaryDirectory(prefix="bench-") as report:
        seen = watch([*_CLI, "run", *options, "--assets", str(assets), "--report", report])
    what = " ".join(("kms-e2e run", *options))
    verdict = seen.output.strip().splitlines()[-2] if seen.output.count("\n") > 1 else seen.output
    return [
        Row(f"warm `{what}`", f"{seen.seconds:.0f} s", f"exit code {seen.exit_code}: {verdict}"),
        Row(
            f"processor time of `{what}`",
            f"{seen.processor_s:.0f} s",
            f"of all its processes, on {os.cpu_count()} processors",
        ),
        Row(
            f"control planes in flight, `{what}`",
            str(seen.control_planes),
            "most etcd processes at once, sampled four times a second",
        ),
        Row(
            f"peak memory of `{what}`",
            f"{seen.peak_bytes / _MIB:.0f} MiB, largest {seen.largest} {seen.largest_bytes / _MIB:.0f} MiB",
            "sum of resident sizes of the process tree",
        ),
    ]


def build_rows() -> list[Row]:
    """Measure a plugin's build in a cache of its own: from nothing, unchanged, and with one edited file."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        source = folder / "source"
        shutil.copytree(_ROOT / "plugins" / "reference", source)
        shutil.copy(_ROOT / ".go-version", source)
        (source / "kms-e2e.toml").write_text(_DESCRIPTION, encoding="utf-8")
        environment = {**os.environ, "KMS_E2E_CACHE": str(folder / "cache")}
        argv = [*_CLI, "build", "--config", str(source), "--kubernetes", "", "--output", str(folder / "out")]
        cold = _done(watch(argv, env=environment)).seconds
        warm = spread([_done(watch(argv, env=environment)).seconds for _ in range(_REPEATS)]).median
        with (source / "main.go").open("a", encoding="utf-8") as file:
            file.write("\n// edited\n")
        edited = _done(watch(argv, env=environment)).seconds
        _make_removable(folder)
    return [
        Row("build the plugin, empty cache", f"{cold:.1f} s", "with the download of Go and modules"),
        Row("build it again", f"{warm:.2f} s", f"from the cache, no `go` process; {cold / warm:.0f} times faster"),
        Row("build it with one edited file", f"{edited:.1f} s", "Go's own cache is warm"),
    ]


def cold_rows() -> list[Row]:
    """Measure a run from empty caches: when the first scenario that uses kube-apiserver starts. Takes minutes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, began = Path(name), time.time()
        environment = {**os.environ, "KMS_E2E_CACHE": str(folder / "cache")}
        argv = [*_CLI, "run", "--id", "B18", "--report", str(folder / "report")]
        seen = _done(watch(argv, env=environment))
        document = json.loads((folder / "report" / "report.json").read_text())
        (first,) = [item["started_at"] for item in document["scenarios"] if item["id"] == "B18"]
        _make_removable(folder)
    return [
        Row(
            "empty caches to the first scenario with kube-apiserver",
            f"{(first - began) / 60:.1f} min",
            f"`kms-e2e run --id B18`, everything downloaded and compiled; peak {seen.peak_bytes / _MIB:.0f} MiB",
        )
    ]


def start_rows(assets: Path) -> list[Row]:
    """Measure how long the command line takes before it does anything, and a probe of a running plugin."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        equipment = load_equipment(assets, Path(name))
        with Supervisor("bench", logs=Path(name) / "logs") as supervisor:
            plugin = Plugin(equipment.plugin, supervisor, assets=equipment.assets)
            plugin.start()
            probe = _repeat([*_CLI, "probe", f"unix://{plugin.socket}"])
            plugin.client.close()
    module = _repeat([sys.executable, "-c", "import pipeline.core.go_version"])
    return [
        Row("`kms-e2e --help`", *_repeat([*_CLI, "--help"])),
        Row("import of `pipeline.core.go_version`", *module),
        Row("`kms-e2e probe` of the reference plugin", *probe),
    ]


def report_rows() -> list[Row]:
    """Measure writing a report of 100 scenarios and 20,000 calls."""
    run = large_run()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        times = [_timed(lambda: write_report(Path(name), run)) for _ in range(3)]
        size = (Path(name) / "report.html").stat().st_size
    what = f"{_SCENARIOS} scenarios, {_CALLS:,} calls; report.html has {size / _MIB:.1f} MiB"
    return [Row("write a report", spread(times).seconds(), what, tuple(times))]


def large_run() -> RunReport:
    """Return a run as large as the suite may become: 100 scenarios on ten control planes, 20,000 calls."""
    scenarios = tuple(
        ScenarioResult(
            id=f"B{number:02}",
            title=f"scenario {number}",
            family="B",
            level=Level.MUST,
            source="generated",
            subject=Subject.PLUGIN,
            outcome=Outcome.PASSED,
            proofs=(Proof("generated", "1", "1", holds=True),),
            started_at=float(number),
            duration_s=1.0,
            plane=f"plane-{number % 10}",
        )
        for number in range(_SCENARIOS)
    )
    calls = tuple(
        KmsCall(number / 200, f"plane-{number % 10}", "Decrypt", "OK", 0.001 + number % 7 / 1e4, f"uid-{number}")
        for number in range(_CALLS)
    )
    events = tuple(Event(float(number), f"plane-{number}", "etcd", "ready") for number in range(10))
    run = RunReport("bench", "0", 0.0, 100.0, "generated", "", "", "", 0, scenarios=scenarios, calls=calls)
    return replace(run, planned=tuple(item.id for item in scenarios), events=events)


def _repeat(argv: Sequence[str]) -> tuple[str, str, tuple[float, ...]]:
    times = tuple(_timed(lambda: _check(argv)) for _ in range(_REPEATS))
    return spread(times).seconds(), "a process of its own, with the start of Python", times


def _check(argv: Sequence[str]) -> None:
    done = subprocess.run(argv, cwd=_ROOT, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        msg = f"{argv[-2:]} ended with exit code {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}"
        raise RuntimeError(msg)


def _timed(work: Callable[[], None]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _done(seen: Watched) -> Watched:
    if seen.exit_code != 0:
        msg = f"a measured command ended with exit code {seen.exit_code}:\n{seen.output[-2000:]}"
        raise RuntimeError(msg)
    return seen


def _make_removable(folder: Path) -> None:
    """Go's module cache is read-only."""
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o700)
