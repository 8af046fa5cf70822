"""Count what runs leave behind: `python -m bench.reliability [--assets DIR] [--row NAME …]`; see docs/reliability.md.

Every row starts real runs of the suite and counts their processes, sockets, ports, locks and folders afterwards.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.traces import Left, MarkedRun, end_run, eventually, start_run
from pipeline.errors import EXIT_SUITE_FAILED
from pipeline.host.build import BuildRequest, build_assets
from pipeline.report.evidence import read_report

KILLS: Final = 50
# A run of one scenario takes about this long on an idle machine, so that every phase of it is hit.
_KILL_WITHIN_S: Final = 8.0
_RUN_TIMEOUT_S: Final = 900.0
_LOOK_S: Final = 0.2
_ONE: Final = ("--id", "B20")
_LONG_NAME: Final = "x" * 120
_FULL_BYTES: Final = 300 * 1024
# Just above what a run asks for before it begins (NEEDED_BYTES of suite/run.py), so that the disk fills up under it.
_FILLING_BYTES: Final = 66 * 2**20


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: exit codes with how often each came, and the sum of what was left."""

    name: str
    exits: Counter[int]
    left: Left
    seconds: float
    note: str = ""

    def cells(self) -> str:
        """Return the line in Markdown."""
        codes = ", ".join(f"{count} x {code}" for code, count in sorted(self.exits.items()))
        left = self.left
        numbers = (left.processes, left.sockets, left.ports, left.locks, left.folders)
        return f"| {self.name} | {codes} | {' | '.join(map(str, numbers))} | {self.seconds:.0f} s | {self.note} |"


def main() -> int:
    """Measure the rows asked for, print them as they come, and return 1 when anything was left."""
    parser = argparse.ArgumentParser("python -m bench.reliability", description=__doc__.partition("\n")[0])
    parser.add_argument("--assets", type=Path, help="folder that `kms-e2e build` made (default: built when needed)")
    parser.add_argument("--row", nargs="+", choices=tuple(_ROWS), default=tuple(_ROWS), help="default: all")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the moments of the kills")
    options = parser.parse_args()
    assets = options.assets or build_assets(BuildRequest()).folder
    random.seed(options.seed)
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before, seed {options.seed}\n")
    print("| what | exit codes | processes | sockets | ports | locks | folders | took | |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    clean = True
    for name in options.row:
        with tempfile.TemporaryDirectory() as folder:
            row = _ROWS[name](assets, Path(folder))
        clean &= row.left.nothing
        print(row.cells(), flush=True)
    return int(not clean)


def at_once(count: int) -> Callable[[Path, Path], Row]:
    """Return the row of so many runs at once, each with a control plane of its own."""

    def measure(assets: Path, folder: Path) -> Row:
        began = time.monotonic()
        runs = [start_run(assets, folder, *_ONE) for _ in range(count)]
        _await_ends(runs)
        return _row(f"{count} runs at once", runs, began, _reasons(runs))

    return measure


def _reasons(runs: Sequence[MarkedRun]) -> str:
    """Say how often which reason made a scenario fail, without what it saw."""
    reports = [read_report(run.report) for run in runs if run.process.returncode == EXIT_SUITE_FAILED]
    reasons = Counter(one.reason.partition(" (")[0] for report in reports for one in report.scenarios if one.is_bad)
    return "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common()).replace("|", "\\|")


def kills(assets: Path, folder: Path) -> Row:
    """Kill the runner with SIGKILL at random moments; what it started must go by itself."""
    began, runs = time.monotonic(), []
    for _ in range(KILLS):
        run = start_run(assets, folder, *_ONE)
        runs.append(run)
        moment = time.monotonic() + random.uniform(0, _KILL_WITHIN_S)  # noqa: S311 - no secret
        while time.monotonic() < moment and run.process.poll() is None:
            run.look()
            time.sleep(_LOOK_S)
        run.look()
        run.process.kill()
        run.process.wait()
    after = start_run(assets, folder, *_ONE)
    _await_ends([after])
    note = f"exit code of the run after them: {after.process.returncode}"
    return _row(f"kill -9 at {KILLS} random moments of {_KILL_WITHIN_S:g} s", [*runs, after][:KILLS], began, note)


def full_disk(assets: Path, folder: Path) -> Row:
    """Let the report's disk have 300 KiB."""
    with _tmpfs(folder / "disk", f"size={_FULL_BYTES}") as disk:
        return _one("the report's disk has 300 KiB", assets, folder, "--report", str(disk / "report"))


def filling_disk(assets: Path, folder: Path) -> Row:
    """Fill the report's disk up while the run writes its evidence."""
    with _tmpfs(folder / "disk", f"size={_FILLING_BYTES}") as disk:
        began = time.monotonic()
        run = start_run(assets, folder, *_ONE, "--report", str(disk / "report"))
        eventually(lambda: bool(run.named("kube-apiserver")) or run.process.poll() is not None, _RUN_TIMEOUT_S)
        run.look()
        _fill(disk / "filler")
        _await_ends([run])
        return _row("the report's disk fills up in the run", [run], began, _error_line(run))


def read_only_home(assets: Path, folder: Path) -> Row:
    """Mount HOME read-only."""
    with _tmpfs(folder / "home", "ro") as home:
        return _one("HOME is read-only", assets, folder, variables={"HOME": str(home)})


def long_tmpdir(assets: Path, folder: Path) -> Row:
    """Name a TMPDIR of more than 120 bytes, beyond what a Unix socket's address can hold."""
    long = folder / _LONG_NAME
    long.mkdir()
    return _one("TMPDIR has more than 120 bytes", assets, folder, variables={"TMPDIR": str(long)})


def cache(_: Path, folder: Path) -> Row:
    """Assemble the binaries once more from the cache, which compares each with its digest."""
    began = time.monotonic()
    again = build_assets(BuildRequest(output=folder / "assets"))
    wrong = len(again.compiled)
    note = f"{len(again.binaries) - wrong} of {len(again.binaries)} binaries from the cache, digests right"
    return Row("the cache afterwards", Counter({0: 1}), Left(0, 0, 0, 0, 0), time.monotonic() - began, note)


_ROWS: Final[dict[str, Callable[[Path, Path], Row]]] = {
    "two": at_once(2),
    "eight": at_once(8),
    "twenty": at_once(20),
    "kills": kills,
    "full-disk": full_disk,
    "filling-disk": filling_disk,
    "read-only-home": read_only_home,
    "long-tmpdir": long_tmpdir,
    "cache": cache,
}


def _one(name: str, assets: Path, folder: Path, *options: str, variables: dict[str, str] | None = None) -> Row:
    began = time.monotonic()
    run = start_run(assets, folder, *_ONE, *options, variables=variables)
    _await_ends([run])
    return _row(name, [run], began, _error_line(run))


def _await_ends(runs: Sequence[MarkedRun]) -> None:
    """Note what the runs have until all have ended by themselves; a run that does not end is killed and shows it."""
    deadline = time.monotonic() + _RUN_TIMEOUT_S
    while any(run.process.poll() is None for run in runs) and time.monotonic() < deadline:
        for run in runs:
            run.look()
        time.sleep(_LOOK_S * len(runs))


def _row(name: str, runs: Sequence[MarkedRun], began: float, note: str = "") -> Row:
    lefts = [run.left() for run in runs]
    for run in runs:
        end_run(run)
    total = Left(*(sum(getattr(left, field) for left in lefts) for field in Left.__slots__))
    return Row(name, Counter(run.process.returncode for run in runs), total, time.monotonic() - began, note)


def _error_line(run: MarkedRun) -> str:
    output = run.process.stdout.read().decode(errors="replace") if run.process.stdout else ""
    errors = [line for line in output.splitlines() if line.startswith("error:")]
    return errors[-1].strip().replace("|", "\\|") if errors else ""


def _fill(path: Path) -> None:
    with path.open("wb") as file:
        try:
            while True:
                file.write(b"\0" * 65536)
                file.flush()
        except OSError:
            return


def _tool(name: str) -> str:
    return shutil.which(name) or name


@contextmanager
def _tmpfs(folder: Path, options: str) -> Iterator[Path]:
    """Mount a small file system, which takes root."""
    folder.mkdir()
    mounted = subprocess.run([_tool("mount"), "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        sys.exit("this row mounts a small file system, which takes root: choose others by --row")
    try:
        yield folder
    finally:
        subprocess.run([_tool("umount"), "--lazy", str(folder)], check=False)


if __name__ == "__main__":
    sys.exit(main())
