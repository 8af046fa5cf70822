"""Run one command to its end: its lines are passed on as they come and kept in a log, and it dies with us."""

from __future__ import annotations

import collections
import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import MachineError
from pipeline.host.module_proxy import without_password

TAIL_LINES: Final = 400
"""More than an error shows: the names of compiled packages among them are left out there."""

DEFAULT_TIMEOUT_S: Final = 3600.0
"""A cold build of kube-apiserver takes 8 minutes on 2 cores; a machine ten times slower is not given up."""

_GUARD: Final = Path(__file__).with_name("guard.py")


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its folder and complete environment. `temporary` is removed when the command has to be killed.

    `timeout_s` is how long it may run, in seconds, 3600 by default.
    """

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    log: Path
    temporary: Path
    timeout_s: float = DEFAULT_TIMEOUT_S

    @property
    def pasteable(self) -> str:
        """Return the command as a line for a shell, with the variables that decide its result."""
        values = ((name, self.environment.get(name)) for name in _SHOWN)
        shown = [f"{name}={shlex.quote(without_password(value))}" for name, value in values if value]
        # The output's folder is gone when somebody reads the line; go build compiles into /dev/null as well.
        words = ("/dev/null" if word.startswith(str(self.temporary)) else word for word in self.argv)
        return f"cd {shlex.quote(str(self.folder))} && env {' '.join(shown)} {shlex.join(words)}"


_SHOWN: Final = (
    *("GOTOOLCHAIN", "GOENV", "GOWORK", "GOFLAGS", "CGO_ENABLED", "GOOS", "GOARCH"),
    *("GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY"),
)


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended: its exit code (128 + signal when killed) and its last lines."""

    exit_code: int
    tail: tuple[str, ...]
    timed_out: bool = False


def run_command(command: Command, on_line: Callable[[str], None] = lambda _line: None) -> Finished:
    """Run a command and pass each line of its output to `on_line`; the whole output is in `command.log`.

    Whatever ends this call (Ctrl-C too) ends the command and all its children first.

    Raises: MachineError when the log cannot be written or no process can be started.
    """
    tail: collections.deque[str] = collections.deque(maxlen=TAIL_LINES)
    expired = threading.Event()
    try:
        with command.log.open("a", encoding="utf-8") as log, _guarded(command, expired) as process:
            log.write(f"$ {command.pasteable}\n")
            for raw in _lines(process):
                log.write(raw + "\n")
                tail.append(raw)
                on_line(raw)
            code = process.wait()
            log.write(f"exit code {code}\n")
    except OSError as error:
        raise MachineError(
            "a command could not be run", seen=str(error), where=command.pasteable, next_step="see the log's folder"
        ) from error
    return Finished(code, tuple(tail), expired.is_set())


def _lines(process: subprocess.Popen[str]) -> Sequence[str] | collections.abc.Iterator[str]:
    if process.stdout is None:
        return ()
    return (line.rstrip("\n") for line in process.stdout)


@contextlib.contextmanager
def _guarded(command: Command, expired: threading.Event) -> collections.abc.Iterator[subprocess.Popen[str]]:
    command.temporary.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_GUARD), str(command.temporary), *command.argv],
        cwd=command.folder,
        env=dict(command.environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )

    def expire() -> None:
        expired.set()
        _close(process)

    timer = threading.Timer(command.timeout_s, expire)
    timer.daemon = True
    timer.start()
    try:
        yield process
    finally:
        timer.cancel()
        _close(process)
        _wait_or_kill(process)


def _close(process: subprocess.Popen[str]) -> None:
    """End the guard's standard input: it then kills the command and removes its temporary files."""
    if process.stdin is not None:
        with contextlib.suppress(OSError, ValueError):
            process.stdin.close()


def _wait_or_kill(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
