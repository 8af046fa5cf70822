from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.core.result import Outcome, RunReport, from_json
from pipeline.harness.kms import parse_address
from pipeline.harness.plugin import Plugin
from pipeline.harness.process import Process
from pipeline.harness.waiting import wait_until
from pipeline.suite.wire.steps import serving_pid

pytestmark = pytest.mark.e2e

MakeDouble = Callable[..., Plugin]
DOUBLE = Path(__file__).parents[2] / "doubles/kms_plugin.py"


@dataclass(frozen=True)
class Probed:
    code: int
    out: str
    err: str


def probe(*words: str) -> Probed:
    argv = [sys.executable, "-c", "from pipeline.cli import main; main()", "probe", *words]
    env = {**os.environ, "COLUMNS": "250"}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return Probed(done.returncode, done.stdout, done.stderr)


def test_a_healthy_plugin_passes_and_says_what_was_left_out(make_double: MakeDouble) -> None:
    plugin = make_double()
    plugin.start()
    seen = probe(str(plugin.client.address))
    assert seen.code == 0, seen.out + seen.err
    assert "KMS v2, healthz ok" in seen.out
    assert "0 failed, 0 error" in seen.out
    assert "no MUST of the wire protocol is broken" in seen.out
    assert "needs control of the plugin's process: A01" in seen.out


def test_a_broken_plugin_fails_and_names_the_scenario(make_double: MakeDouble) -> None:
    plugin = make_double("bound-to-uid")
    plugin.start()
    seen = probe(str(plugin.socket))
    assert seen.code == 1
    assert "contract broken: A08" in seen.out
    assert "INVALID_ARGUMENT" in seen.out


def test_a_report_has_every_scenario_once(make_double: MakeDouble, tmp_path: Path) -> None:
    plugin = make_double("deterministic")
    plugin.start()
    assert probe(str(plugin.socket), "--report", str(tmp_path / "r")).code == 1
    report = from_json(RunReport, (tmp_path / "r/report.json").read_text(), where="report.json")
    outcomes = {result.id: result.outcome for result in report.scenarios}
    assert len(outcomes) == len(report.scenarios)
    assert outcomes["A07"] is Outcome.FAILED
    assert outcomes["A08"] is Outcome.PASSED
    assert report.exit_code == 1
    assert not report.interrupted
    assert report.plugin == str(plugin.client.address)
    assert (tmp_path / "r/report.html").is_file()
    assert json.loads((tmp_path / "r/conformance.json").read_text())


@pytest.mark.parametrize("taken", ["results.jsonl", "logs/mine.log"])
def test_a_folder_with_files_of_somebody_else_is_refused_and_left_alone(
    taken: str, make_double: MakeDouble, tmp_path: Path
) -> None:
    plugin = make_double()
    plugin.start()
    precious = tmp_path / taken
    precious.parent.mkdir(exist_ok=True)
    precious.write_text("precious")
    seen = probe(str(plugin.socket), "--report", str(tmp_path))
    assert seen.code == 2
    assert "no run of ours wrote" in seen.err
    assert precious.read_text() == "precious"


def test_a_report_that_cannot_be_written_gets_one_clear_message(make_double: MakeDouble, tmp_path: Path) -> None:
    plugin = make_double()
    plugin.start()
    (tmp_path / "file").touch()
    seen = probe(str(plugin.socket), "--report", str(tmp_path / "file" / "r"))
    assert seen.code == 2
    assert "the folder for the report cannot be written" in seen.err


def test_a_plugin_on_an_abstract_socket(tmp_path: Path) -> None:
    name = f"unix:///@kms-e2e-double-{os.getpid()}"
    argv = [sys.executable, str(DOUBLE), "--listen", name, "--state", str(tmp_path)]
    process = Process("double", argv, log_path=tmp_path / "log")
    try:
        wait_until("the socket", lambda: serving_pid(parse_address(name)) != 0, timeout_s=10, alive=[process])
        seen = probe(name)
    finally:
        process.stop()
    assert seen.code == 1
    assert "everybody (an abstract socket)" in seen.out
    assert "1 failed, 0 error" in seen.out


def test_a_plugin_of_kms_v1_alone_gets_one_clear_message(make_double: MakeDouble) -> None:
    plugin = make_double("v1-only")
    process = plugin.spawn()
    wait_until("the socket", plugin.socket.exists, timeout_s=10, alive=[process])
    seen = probe(str(plugin.socket))
    assert seen.code == 2
    assert seen.err.startswith("error: the plugin speaks KMS v1 only")
    assert "use a release of the plugin with KMS v2" in seen.err


def test_a_plugin_that_hangs_gets_one_clear_message(make_double: MakeDouble) -> None:
    plugin = make_double("hangs-in-status")
    process = plugin.spawn()
    wait_until("the socket", plugin.socket.exists, timeout_s=10, alive=[process])
    seen = probe(str(plugin.socket), "--timeout", "0.5")
    assert seen.code == 2
    assert "nobody answers Status there" in seen.err
    assert "DEADLINE_EXCEEDED" in seen.err


def test_status_errors_are_judged_and_not_refused(make_double: MakeDouble) -> None:
    plugin = make_double("status-error")
    plugin.start()
    seen = probe(str(plugin.socket))
    assert seen.code == 1
    assert "status is not well" in seen.out


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: f"unix://{folder}/none.sock", "the socket does not exist"),
        (lambda folder: f"unix://{folder}/file", "not a socket"),
        (lambda folder: f"unix://{folder}/{'x' * 120}", "the socket's path is too long"),
        (lambda folder: "tcp://127.0.0.1:1", "not the address of a Unix socket"),
        (lambda folder: f"unix://{folder}/dead.sock", "a socket that nobody listens on any more"),
        (lambda folder: "unix:///@nobody-listens-here", "the name is not in use"),
    ],
    ids=["missing", "file", "long", "tcp", "dead", "abstract"],
)
def test_bad_addresses_get_one_clear_message(make: Callable[[Path], str], message: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.path.relpath(tmp_path / "dead.sock"))
    seen = probe(make(tmp_path), "--timeout", "0.5")
    assert seen.code == 2
    assert seen.err.startswith("error: ")
    assert message in seen.err
    assert "next:" in seen.err or "wanted:" in seen.err


# The first probe imports everything, since nobody may not read this project's files.
AS_NOBODY = """
import os, sys
from pipeline.cli.app import run
run(["probe", "/absent"])
os.setgid(65534)
os.setuid(65534)
sys.exit(run(["probe", sys.argv[1]]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("closed", ["the socket", "its folder"])
def test_a_user_who_may_not_connect_gets_one_clear_message(closed: str, make_double: MakeDouble) -> None:
    plugin = make_double()
    plugin.start()
    folders = [folder for folder in plugin.socket.parents if folder.is_relative_to(plugin.socket.parents[2])]
    for folder in folders[1:] if closed == "its folder" else folders:
        folder.chmod(0o755)
    plugin.socket.chmod(0o600)
    argv = [sys.executable, "-c", AS_NOBODY, str(plugin.socket)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert "error: this user may not connect to the socket\n" in done.stderr
    assert "this user is 65534" in done.stderr
    assert ("srw" if closed == "the socket" else "drwx------") in done.stderr
    assert "next:" in done.stderr


def test_a_server_that_is_no_grpc_server(tmp_path: Path) -> None:
    path = tmp_path / "echo.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        seen = probe(str(path), "--timeout", "0.5")
    assert seen.code == 2
    assert "nobody answers Status there" in seen.err


def test_what_a_plugin_says_cannot_steer_the_terminal(make_double: MakeDouble) -> None:
    plugin = make_double("escape-in-healthz")
    plugin.start()
    seen = probe(str(plugin.socket))
    assert seen.code == 1
    assert "\x1b[2J" not in seen.out
    assert r"\x1b[2J[red]not well" in seen.out


def test_interrupted_it_says_so_and_writes_the_report(make_double: MakeDouble, tmp_path: Path) -> None:
    plugin = make_double("slow")
    plugin.start()
    argv = [sys.executable, "-c", "from pipeline.cli import main; main()", "probe", str(plugin.socket)]
    with subprocess.Popen([*argv, "--report", str(tmp_path / "r")], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        used = plugin.state / "uses"
        wait_until("the first Encrypt", lambda: used.stat().st_size > 0, timeout_s=30)
        running.send_signal(signal.SIGINT)
        out = running.stdout.read()
    assert running.returncode == 2, out
    report = from_json(RunReport, (tmp_path / "r/report.json").read_text(), where="report.json")
    assert report.interrupted
    outcomes = {result.id: result.outcome for result in report.scenarios}
    assert (outcomes["A02"], outcomes["A17"]) == (Outcome.PASSED, Outcome.NOT_RUN)
