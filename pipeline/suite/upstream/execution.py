"""Run ginkgo beside a cluster: progress, an early end when a component dies, and what ran until then."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import InputError, KmsE2EError
from pipeline.harness.process import Process, Setting
from pipeline.harness.supervisor import Supervisor
from pipeline.harness.waiting import Mortal
from pipeline.suite.upstream.ginkgo import GinkgoRun, TestResult, read_junit

_POLL_S: Final = 0.5
_SAY_EVERY_S: Final = 20.0
# ginkgo's --grace-period, and time to write the JUnit file. Its first interrupt ends the tests and lets them clean up,
# the second goes on to the report: without etcd each request of a cleanup hangs. Source: ginkgo v2's
# internal/interrupt_handler.
_END_S: Final = (25.0, 60.0)
_MARK: Final = "•"  # ginkgo prints one for each test that ended
_FAILED_MARK: Final = "• [FAILED]"
_LINES: Final = 15


@dataclass(frozen=True, slots=True)
class Execution:
    """What one call of ginkgo left: results, seconds, and the error that ended it early, if any."""

    results: tuple[TestResult, ...]
    duration_s: float
    broken_by: KmsE2EError | None = None
    interrupted: bool = False


def execute_tests(
    run: GinkgoRun, supervisor: Supervisor, alive: Mortal, planned: int, say: Callable[[str], None]
) -> Execution:
    """Run the tests to their end and return what they left.

    When a component dies, or the user interrupts, ginkgo is asked to end, so that the tests that ran are known.

    Raises: InputError when ginkgo refuses to start.
    """
    run.report.mkdir(parents=True, exist_ok=True)
    run.junit.unlink(missing_ok=True)
    run.private.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    process = supervisor.spawn("ginkgo", run.argv(), setting=Setting(_environment(run)))
    broken: KmsE2EError | None = None
    interrupted = False
    try:
        _wait(process, alive, planned, say)
    except KmsE2EError as error:
        broken = error
    except KeyboardInterrupt:
        interrupted = True
    if broken or interrupted:
        _end(process)
    results = _read(run, complete=not broken and not interrupted)
    if not results and not broken and not interrupted:
        raise InputError(
            "ginkgo ended without a result",
            seen=f"exit code {process.exit_code}; its last lines:\n{process.tail(_LINES)}",
            where=str(process.log_path),
        )
    return Execution(results, time.monotonic() - began, broken, interrupted)


def _read(run: GinkgoRun, *, complete: bool) -> tuple[TestResult, ...]:
    """Return the results; none where a run that was ended early left a torn file, which must not hide why it ended."""
    try:
        return read_junit(run.junit)
    except InputError:
        if complete:
            raise
        return ()


def _wait(process: Process, alive: Mortal, planned: int, say: Callable[[str], None]) -> None:
    spoke = began = time.monotonic()
    while process.exit_code is None:
        alive.assert_alive()
        time.sleep(_POLL_S)
        if time.monotonic() - spoke >= _SAY_EVERY_S:
            spoke = time.monotonic()
            say(f"{_progress(process.log_path)} of {planned} tests, {spoke - began:.0f} s")
    alive.assert_alive()


def _progress(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")
    ended, failed = text.count(_MARK), text.count(_FAILED_MARK)
    return f"{ended} ended, {failed} failed"


def _end(process: Process) -> None:
    """Interrupt ginkgo and its test processes, which then write what they have, and kill what is left."""
    for seconds in _END_S:
        process.signal(signal.SIGINT)
        deadline = time.monotonic() + seconds
        while process.exit_code is None and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        if process.exit_code is not None:
            break
    process.kill()


def _environment(run: GinkgoRun) -> dict[str, str]:
    """Return an environment in which neither the user's proxy nor kubeconfig changes what tests see of our nodes."""
    ours = bool(run.nodes)
    kept = {name: value for name, value in os.environ.items() if not (ours and name.lower().endswith("_proxy"))}
    return {**kept, "KUBECONFIG": "", **({"HOME": str(run.private)} if ours else {})}
