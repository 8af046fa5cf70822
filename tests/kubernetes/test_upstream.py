"""Upstream's tests as a user meets them when something is wrong, and on a cluster that is not ours to look into."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from pipeline.core.result import Outcome
from pipeline.errors import EXIT_WRONG_INPUT
from pipeline.report.evidence import read_report
from pipeline.report.upstream import read_upstream
from tests.kubernetes.processes import COMMAND, started, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800)]
# Quick tests of the API alone.
FOCUS = r"(ResourceQuota|ConfigMap|Secrets|ServiceAccounts|Namespaces).*\[Conformance\]"


def upstream(programs: Path, report: Path, *words: str) -> list[str]:
    return [*COMMAND, "run", "--suite", "upstream", "--assets", str(programs), "--report", str(report), *words]


def children(process: subprocess.Popen[str], program: str) -> list[int]:
    """Return the processes of a program that a run has started, by the folder that they name."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [
        int(pid) for pid in listed if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(program.encode() + b"\0")
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--focus", "no such test"), "takes in none of upstream's tests"),
        (("--focus", "("), "takes in none of upstream's tests"),
        (("--label-filter", "&&"), "takes in none of upstream's tests"),
        (("--focus", "AdmissionWebhook.*listing"), "all selected tests need a node"),
        (("--plain", "--kubeconfig", "/dev/null"), "exclude each other"),
    ],
)
def test_a_selection_without_a_test_is_an_error(
    programs: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = subprocess.run(upstream(programs, tmp_path / "report", *words), capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (EXIT_WRONG_INPUT, False), done.stderr
    assert said in done.stderr


def test_a_control_plane_that_dies_in_the_middle_leaves_its_log_and_the_tests_that_ran(
    programs: Path, tmp_path: Path
) -> None:
    report, output = tmp_path / "report", tmp_path / "output.txt"
    ginkgo = report / "logs" / "upstream" / "ginkgo.log"
    argv = upstream(programs, report, "--focus", FOCUS, "--parallel", "4")
    with started(argv, output) as process:
        wait_for(lambda: ginkgo.read_text() if ginkgo.is_file() else "", "•.*•.*•", process)
        (pid,) = children(process, str(programs.resolve() / "kube-apiserver"))
        os.kill(pid, signal.SIGKILL)
        assert process.wait(timeout=120) == EXIT_WRONG_INPUT
    said = output.read_text()
    assert "kube-apiserver" in said
    assert "SIGKILL" in said
    assert "Traceback" not in said
    run, found = read_report(report), read_upstream(report)
    assert {item.outcome for item in run.scenarios if item.id in run.planned} == {Outcome.ERROR}
    assert found is not None
    ended = [test.outcome for test in found.tests]
    assert ended.count("passed") >= 3
    assert ended.count("interrupted") + ended.count("failed") > 0
    assert len(ended) > ended.count("passed")
    reasons = {item.reason for item in run.scenarios if item.id in run.planned}
    assert all(re.search(r"after \d+ of \d+ tests", reason) for reason in reasons)
    assert (report / "logs" / "upstream" / "kube-apiserver.log").stat().st_size > 0
    assert (report / "report.html").is_file()


def test_the_selection_runs_on_a_cluster_that_is_named_by_its_kubeconfig(programs: Path, tmp_path: Path) -> None:
    report, output = tmp_path / "report", tmp_path / "output.txt"
    cluster = [*COMMAND, "up", "--simulated-nodes", "--assets", str(programs), "--report", str(tmp_path / "up")]
    with started(cluster, output) as process:
        kubeconfig = wait_for(output.read_text, r"export KUBECONFIG=(\S+)\n.*Ctrl-C", process)[1]
        words = ("--kubeconfig", kubeconfig, "--focus", r"(Secrets|ConfigMap).*patch.*\[Conformance\]")
        done = subprocess.run(upstream(programs, report, *words), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = {item.id: (item.outcome, item.reason) for item in read_report(report).scenarios}
    assert outcomes["U01"][0] is outcomes["U04"][0] is Outcome.PASSED
    assert outcomes["U02"] == (Outcome.NOT_RUN, "not selected: the nodes are real")
    assert outcomes["U03"] == (Outcome.NOT_RUN, "needs the store: the cluster is not ours")
    assert json.loads((report / "upstream.json").read_text())["resources"] == []


def test_a_plain_run_and_an_encrypted_one_are_compared(programs: Path, tmp_path: Path) -> None:
    focus = ("--focus", r"Secrets.*patch.*\[Conformance\]")
    for name, more in (("plain", ("--plain",)), ("kms", ())):
        done = subprocess.run(
            upstream(programs, tmp_path / name, *focus, *more), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    plain, kms = (read_upstream(tmp_path / name) for name in ("plain", "kms"))
    assert plain is not None
    assert kms is not None
    assert (plain.plain_store, kms.plain_store) == (True, False)
    assert sum(row.written for row in plain.resources) > 0
    compared = [*COMMAND, "report", "compare", str(tmp_path / "plain"), str(tmp_path / "kms")]
    done = subprocess.run(compared, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert re.search(r"every resource\s+plain\s+encrypted", done.stdout)
