"""However a run ends, no process, folder or port of it is left, and its evidence is there."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.core.result import Outcome, RunReport, from_json

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
GONE_WITHIN_S = 10.0
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the suite whose processes can be told from all others by a mark."""

    process: subprocess.Popen[bytes]
    mark: str
    report: Path

    def processes(self) -> dict[int, str]:
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if command and (self.mark in command or self.mark.encode() in (folder / "environ").read_bytes()):
                    found[int(folder.name)] = command
        return found

    def named(self, word: str) -> list[str]:
        return [command for command in self.processes().values() if f"/{word} " in command.split("--")[0] + " "]

    def folders(self) -> set[str]:
        return {match for command in self.processes().values() for match in re.findall(r"/tmp/kms-\w+", command)}

    def ports(self) -> set[int]:
        text = " ".join(self.processes().values())
        return {int(port) for port in re.findall(r"--secure-port=(\d+)", text)}


@pytest.fixture
def start(assets: Path, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def starting(*options: str, **variables: str) -> Run:
        mark = f"mark-{uuid.uuid4().hex}"
        marked = tmp_path / mark
        marked.mkdir()
        for file in assets.iterdir():
            if file.is_file():
                _link(file, marked / file.name)
        report = tmp_path / f"report-{len(runs)}"
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.suite", "--assets", str(marked), "--report", str(report), *options],
            cwd=ROOT,
            env={**os.environ, "KMS_E2E_TEST_MARK": mark, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        runs.append(Run(process, mark, report))
        return runs[-1]

    yield starting
    for run in runs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.process.pid, signal.SIGKILL)
        run.process.communicate()


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source.resolve())
    except OSError:  # another file system
        target.symlink_to(source.resolve())


def eventually(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


def assert_nothing_left(run: Run, folders: set[str], ports: set[int]) -> None:
    assert eventually(lambda: not run.processes(), GONE_WITHIN_S), run.processes()
    assert eventually(lambda: not [name for name in folders if Path(name).exists()], GONE_WITHIN_S), folders
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # its closed connections may linger
            probe.bind(("127.0.0.1", port))


def wait_for(run: Run, word: str) -> None:
    assert eventually(lambda: bool(run.named(word)), 60.0), run.processes()


@pytest.mark.parametrize("moment", ["etcd", "kms-plugin", "kube-apiserver"])
def test_a_killed_runner_leaves_nothing(start: Callable[..., Run], moment: str) -> None:
    run = start("--id", "B18")
    wait_for(run, moment)
    folders, ports = run.folders(), run.ports()
    run.process.kill()
    assert_nothing_left(run, folders, ports)


def test_a_killed_runner_with_workers_leaves_nothing(start: Callable[..., Run]) -> None:
    run = start("--id", "B23", "C31", "B26", "--parallel", "3")
    assert eventually(lambda: len(run.named("kube-apiserver")) >= 2, 90.0), run.processes()
    folders, ports = run.folders(), run.ports()
    run.process.kill()
    assert_nothing_left(run, folders, ports)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interrupted_run_has_its_report(start: Callable[..., Run], number: signal.Signals, workers: str) -> None:
    run = start("--id", "B23", "C31", "--parallel", workers)
    wait_for(run, "kube-apiserver")
    folders, ports = run.folders(), run.ports()
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
    assert_nothing_left(run, folders, ports)


def test_two_runs_at_once_do_not_meet(start: Callable[..., Run]) -> None:
    runs = [start("--id", "B20", "B21"), start("--id", "B20", "B21")]
    for run in runs:
        output, _ = run.process.communicate(timeout=120)
        assert run.process.returncode == 0, output.decode()
        assert_nothing_left(run, set(), set())


def test_a_long_tmpdir_and_a_read_only_home_do_no_harm(start: Callable[..., Run], tmp_path: Path) -> None:
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
