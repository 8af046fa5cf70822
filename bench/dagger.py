"""What a run in Dagger costs over the same run on the host, both warm: pairs of runs, and where the time goes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.statistics import Row, spread

_ROOT: Final = Path(__file__).parents[1]
_HOST: Final = (sys.executable, "-c", "from pipeline.cli import main; main()", "run", "--family=A")
_STEP: Final = re.compile(r"^\d+\s+: (?P<name>[^\s┆[][^[]*?) DONE \[(?P<time>[0-9.hms]+)\](?: \(.*\))?$", re.MULTILINE)
_PART: Final = re.compile(r"(?P<number>[0-9.]+)(?P<unit>[hms])")
_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0}
_LOAD: Final = ("connect", "load workspace: .", "kms")


@dataclass(frozen=True, slots=True)
class Run:
    """One run: wall time of the command, and of the suite in it by its report, in seconds."""

    wall: float
    suite: float
    steps: Mapping[str, float]


def dagger_rows(pairs: int) -> list[Row]:
    """Measure family A on the host and in Dagger in turn, after one run of each that fills the caches.

    Raises: RuntimeError when a run does not pass.
    """
    _host()
    _dagger()
    host, there = [], []
    for _ in range(pairs):
        host.append(_host())
        there.append(_dagger())
    suite = [run.suite for run in there]
    load = [sum(run.steps.get(name, 0.0) for name in _LOAD) for run in there]
    built = [run.steps["Kms.report"] - run.suite for run in there]
    export = [run.steps["Directory.export"] for run in there]
    rest = [run.wall - sum(parts) for run, *parts in zip(there, load, built, suite, export, strict=True)]
    over = [run.wall - other.wall for run, other in zip(there, host, strict=True)]
    rows = (
        ("family A on the host, warm", [run.wall for run in host], "`kms-e2e run --family=A`, wall time"),
        ("its suite", [run.suite for run in host], "by report.json"),
        ("family A in Dagger, warm", [run.wall for run in there], "`dagger call report … export`, wall time"),
        ("its load", load, "connect, load the module, make the object (which uploads what changed of the source)"),
        ("its builds and image, from the cache", built, "`report` without the suite"),
        ("its suite", suite, "by report.json"),
        ("its export", export, "the folder of the evidence"),
        ("the rest", rest, "start and end of the command and of its session"),
        ("overhead of Dagger", over, "difference of each pair, one after the other"),
    )
    return [Row(name, spread(samples).seconds(), method, tuple(samples)) for name, samples, method in rows]


def steps(progress: str) -> dict[str, float]:
    """Return the seconds that each step at the top of Dagger's plain progress took."""
    return {match["name"]: seconds(match["time"]) for match in _STEP.finditer(progress)}


def seconds(text: str) -> float:
    """Return a duration as Dagger writes it, such as `1m51s`, in seconds."""
    return sum(float(part["number"]) * _SECONDS[part["unit"]] for part in _PART.finditer(text))


def _host() -> Run:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return _timed((*_HOST, f"--report={folder}"), Path(folder))


def _dagger() -> Run:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        export = ("directory", "export", f"--path={folder}")
        return _timed(("dagger", "--progress=plain", "call", "report", "--family=A", *export), Path(folder))


def _timed(words: tuple[str, ...], folder: Path) -> Run:
    environment = os.environ | {"NO_COLOR": "1"}
    began = time.monotonic()
    done = subprocess.run(words, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False)
    wall = time.monotonic() - began
    if done.returncode:
        msg = f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-2000:]}"
        raise RuntimeError(msg)
    report = json.loads((folder / "report.json").read_text())
    return Run(wall, report["finished_at"] - report["started_at"], steps(done.stderr))
