"""Count what runs leave behind: `python -m bench.reliability [--assets DIR] [--row NAME …]`; see docs/reliability.md.

Every row starts real runs of the suite and counts their processes, sockets, ports, locks and folders afterwards.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Final

from bench.traces import Left, MarkedRun, end_run, eventually, start_run
from pipeline.errors import EXIT_PASSED, EXIT_SUITE_FAILED, EXIT_WRONG_INPUT
from pipeline.host.build import BuildRequest, build_assets
from pipeline.report.evidence import read_report

KILLS: Final = 50
_KILLED: Final = -signal.SIGKILL
_RUN_TIMEOUT_S: Final = 900.0
_LOOK_S: Final = 0.2
_NOT_MEASURED: Final = "-"
_ONE: Final = ("--id", "B20")
_LONG_NAME: Final = "x" * 120
_FULL_BYTES: Final = 300 * 1024
# Just above what a run asks for before it begins (NEEDED_BYTES of suite/run.py), so that the disk fills up under it.
_FILLING_BYTES: Final = 66 * 2**20


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: exit codes with how often each came, and the sum of what was left.

    No exit code and None for `left`: not measured. `right`: the exit codes, or what else was measured, are as wanted.
    """

    name: str
    exits: Counter[int]
    left: Left | None
    seconds: float
    note: str
    right: bool

    @property
    def passed(self) -> bool:
        """Tell whether all is as wanted, and nothing was left."""
        return self.right and (self.left is None or self.left.nothing)

    def cells(self) -> str:
        """Return the line in Markdown."""
        codes = ", ".join(f"{count} x {code}" for code, count in sorted(self.exits.items())) or _NOT_MEASURED
        numbers = (_NOT_MEASURED,) * len(Left.__slots__) if self.left is None else astuple(self.left)
        return f"| {self.name} | {codes} | {' | '.join(map(str, numbers))} | {self.seconds:.0f} s | {self.note} |"


def main() -> int:
    """Measure the rows asked for; return 1 when anything was left, or a run ended otherwise than it should."""
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
    failed = []
    for name in options.row:
        with tempfile.TemporaryDirectory() as folder:
            row = _ROWS[name](assets, Path(folder))
        failed += [] if row.passed else [name]
        print(row.cells(), flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}: something was left, or ended otherwise than it should", file=sys.stderr)
    return int(bool(failed))


def at_once(count: int) -> Callable[[Path, Path], Row]:
    """Return the row of so many runs at once, each with a control plane of its own."""

    def measure(assets: Path, folder: Path) -> Row:
        began = time.monotonic()
        runs = [start_run(assets, folder, *_ONE) for _ in range(count)]
        _await_ends(runs)
        return _row(f"{count} runs at once", runs, began, _reasons(runs), wanted=[EXIT_PASSED])

    return measure


def _reasons(runs: Sequence[MarkedRun]) -> str:
    """Say how often which reason made a scenario fail, without what it saw."""
    reports = [read_report(run.report) for run in runs if run.process.returncode == EXIT_SUITE_FAILED]
    reasons = Counter(one.reason.partition(" (")[0] for report in reports for one in report.scenarios if one.is_bad)
    return "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common()).replace("|", "\\|")


def kills(assets: Path, folder: Path) -> Row:
    """Kill the runner with SIGKILL at random moments of what a run takes here; what it started must go by itself."""
    began = time.monotonic()
    before = start_run(assets, folder, *_ONE)
    _await_ends([before])
    took_s, runs = time.monotonic() - began, []
    for _ in range(KILLS):
        run = start_run(assets, folder, *_ONE)
        runs.append(run)
        moment = time.monotonic() + random.uniform(0, took_s)  # noqa: S311 - no secret
        while time.monotonic() < moment and run.process.poll() is None:
            run.look()
            time.sleep(_LOOK_S)
        run.look()
        run.process.kill()
        run.process.wait()
    after = start_run(assets, folder, *_ONE)
    _await_ends([after])
    whole = [before.process.returncode, after.process.returncode]
    name = f"`kill -9` at {KILLS} random moments of the {took_s:.0f} s of a run, and a whole run before and after"
    note = f"exit codes of the whole runs: {whole[0]} before, {whole[1]} after"
    # A run that was quicker than its kill has passed.
    row = _row(name, [before, *runs, after], began, note, wanted=[_KILLED, EXIT_PASSED])
    return replace(row, right=row.right and row.exits[_KILLED] > 0 and whole == [EXIT_PASSED, EXIT_PASSED])


def full_disk(assets: Path, folder: Path) -> Row:
    """Let the report's disk have 300 KiB."""
    with _tmpfs(folder / "disk", f"size={_FULL_BYTES}") as disk:
        return _one(
            "the report's disk has 300 KiB", assets, folder, "--report", str(disk / "report"), wanted=EXIT_WRONG_INPUT
        )


def filling_disk(assets: Path, folder: Path) -> Row:
    """Fill the report's disk up while the run writes its evidence."""
    with _tmpfs(folder / "disk", f"size={_FILLING_BYTES}") as disk:
        began = time.monotonic()
        run = start_run(assets, folder, *_ONE, "--report", str(disk / "report"))
        eventually(lambda: bool(run.named("kube-apiserver")) or run.process.poll() is not None, _RUN_TIMEOUT_S)
        run.look()
        _fill(disk / "filler")
        _await_ends([run])
        return _row("the report's disk fills up in the run", [run], began, _error_line(run), wanted=[EXIT_WRONG_INPUT])


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
    return Row("the cache afterwards", Counter(), None, time.monotonic() - began, note, right=not wrong)


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


def _one(
    name: str,
    assets: Path,
    folder: Path,
    *options: str,
    variables: dict[str, str] | None = None,
    wanted: int = EXIT_PASSED,
) -> Row:
    began = time.monotonic()
    run = start_run(assets, folder, *_ONE, *options, variables=variables)
    _await_ends([run])
    return _row(name, [run], began, _error_line(run), wanted=[wanted])


def _await_ends(runs: Sequence[MarkedRun]) -> None:
    """Note what the runs have until all have ended by themselves; a run that does not end is killed and shows it."""
    deadline = time.monotonic() + _RUN_TIMEOUT_S
    while any(run.process.poll() is None for run in runs) and time.monotonic() < deadline:
        for run in runs:
            run.look()
        time.sleep(_LOOK_S * len(runs))


def _row(name: str, runs: Sequence[MarkedRun], began: float, note: str, *, wanted: Sequence[int]) -> Row:
    lefts = [run.left() for run in runs]
    for run in runs:
        end_run(run)
    total = Left(*(sum(getattr(left, field) for left in lefts) for field in Left.__slots__))
    exits = Counter(run.process.returncode for run in runs)
    return Row(name, exits, total, time.monotonic() - began, note, right=set(exits) <= set(wanted))


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
