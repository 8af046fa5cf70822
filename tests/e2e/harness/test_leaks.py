"""However a run ends, no process, folder or port of it is left, and its evidence is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.traces import MarkedRun, end_run, eventually, start_run
from pipeline.core.result import Outcome, RunReport, from_json

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def start(assets: Path, tmp_path: Path) -> Iterator[Callable[..., MarkedRun]]:
    runs: list[MarkedRun] = []

    def starting(*options: str, **variables: str) -> MarkedRun:
        runs.append(start_run(assets, tmp_path, *options, variables=variables))
        return runs[-1]

    yield starting
    for run in runs:
        end_run(run)


def assert_nothing_left(run: MarkedRun) -> None:
    left = run.left()
    assert left.nothing, (left, run.processes(), run.folders)


def wait_for(run: MarkedRun, word: str) -> None:
    assert eventually(lambda: bool(run.named(word)), 60.0), run.processes()
    run.look()


@pytest.mark.parametrize("moment", ["etcd", "kms-plugin", "kube-apiserver"])
def test_a_killed_runner_leaves_nothing(start: Callable[..., MarkedRun], moment: str) -> None:
    run = start("--id", "B18")
    wait_for(run, moment)
    run.look()
    run.process.kill()
    assert_nothing_left(run)


def test_a_killed_runner_with_workers_leaves_nothing(start: Callable[..., MarkedRun]) -> None:
    run = start("--id", "B23", "C31", "B26", "--parallel", "3")
    assert eventually(lambda: len(run.named("kube-apiserver")) >= 2, 90.0), run.processes()
    run.look()
    run.process.kill()
    assert_nothing_left(run)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interrupted_run_has_its_report(
    start: Callable[..., MarkedRun], number: signal.Signals, workers: str
) -> None:
    run = start("--id", "B23", "C31", "--parallel", workers)
    wait_for(run, "kube-apiserver")
    run.look()
    os.killpg(run.process.pid, number)
    output, _ = run.process.communicate(timeout=60)
    assert run.process.returncode == 1, output.decode()
    assert "Traceback" not in output.decode()
    report = from_json(RunReport, (run.report / "report.json").read_text(), where="report.json")
    assert report.interrupted
    assert sorted(report.planned) == ["B23", "C31"]
    assert report.count(Outcome.PASSED) < 2
    assert (run.report / "junit_kms_01.xml").is_file()
    assert (run.report / "report.html").is_file()
    assert_nothing_left(run)


def test_two_runs_at_once_do_not_meet(start: Callable[..., MarkedRun]) -> None:
    runs = [start("--id", "B20", "B21"), start("--id", "B20", "B21")]
    for run in runs:
        output, _ = run.process.communicate(timeout=120)
        assert run.process.returncode == 0, output.decode()
        assert_nothing_left(run)


def test_a_second_run_does_not_write_into_the_report_of_the_first(
    start: Callable[..., MarkedRun], assets: Path
) -> None:
    run = start("--id", "B20")
    wait_for(run, "kube-apiserver")
    words = [
        sys.executable,
        "-m",
        "pipeline.suite",
        "--assets",
        str(assets),
        "--report",
        str(run.report),
        "--id",
        "A05",
    ]
    second = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert second.stderr.startswith("error: another run is writing its evidence there\n")
    output, _ = run.process.communicate(timeout=120)
    assert run.process.returncode == 0, output.decode()
    report = from_json(RunReport, (run.report / "report.json").read_text(), where="report.json")
    assert (report.planned, report.count(Outcome.PASSED), report.notes) == (("B20",), 1, ())


def test_a_long_tmpdir_and_a_read_only_home_do_no_harm(start: Callable[..., MarkedRun], tmp_path: Path) -> None:
    long = tmp_path / ("x" * 120)
    long.mkdir()
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    run = start("--id", "B20", TMPDIR=str(long), HOME=str(home))
    output, _ = run.process.communicate(timeout=120)
    assert run.process.returncode == 0, output.decode()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["{assets}/no-such-plugin"], "no such file"),
        (["/bin/sh", "-c", "echo the key is missing; exit 7"], "the key is missing"),
        (["/bin/sleep", "600"], "no socket at"),
    ],
)
def test_a_plugin_that_does_not_start_is_one_clear_message(
    assets: Path, tmp_path: Path, argv: list[str], message: str
) -> None:
    folder = tmp_path / "assets"
    folder.mkdir()
    for name in ("etcd", "kube-apiserver"):
        (folder / name).symlink_to((assets / name).resolve())
    (folder / "plugin.json").write_text(json.dumps({"name": "broken", "argv": argv, "ready_timeout_s": 2}))
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.suite", "--assets", str(folder), "--report", str(tmp_path / "report")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "report" / "report.json").is_file()
