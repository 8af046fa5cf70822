"""One process of a control plane: its own process group, a log file, an honest end."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from pipeline.errors import ProcessError
from pipeline.harness.jail import Jail
from pipeline.harness.secret_values import Secrets

DEFAULT_STOP_GRACE_S: Final = 10.0
_SHIM: Final = Path(__file__).with_name("exec_shim.py")
_POLL_S: Final = 0.01
_PUMP_S: Final = 2.0
"""How long the last lines of a dead process may take to the log."""
_TAIL_LINES: Final = 40
_TAIL_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Setting:
    """What a process runs in: its environment (this process's own for None), its jail, and secrets it may print."""

    env: Mapping[str, str] | None = None
    jail: Jail | None = None
    secrets: Secrets = field(default_factory=Secrets)


class Process:
    """A running command with its output in a log file.

    It leads a process group of its own, so a Ctrl-C in the terminal does not reach it and stopping it takes
    its children along; the kernel kills it when this process dies (exec_shim).
    """

    def __init__(self, name: str, argv: Sequence[str], *, log_path: Path, setting: Setting | None = None) -> None:
        """Start the command; its output is appended to `log_path`.

        Raises: ProcessError when the command does not exist or is not executable.
        """
        self.name = name
        self.argv = tuple(argv)
        self.log_path = log_path
        self._stopping = False
        self._pump: threading.Thread | None = None
        setting = setting or Setting()
        _assert_executable(name, argv[0], setting.jail)
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            self._popen = subprocess.Popen(
                [*_shim(setting.jail), *argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if setting.secrets else log,
                stderr=subprocess.STDOUT,
                # One time zone, so that log lines stand beside each other.
                env={**(os.environ if setting.env is None else setting.env), "TZ": "UTC"},
                start_new_session=True,
            )
        if self._popen.stdout is not None:
            arguments = (self._popen.stdout, log_path, setting.secrets)
            self._pump = threading.Thread(target=_copy_without_secrets, args=arguments, daemon=True)
            self._pump.start()

    @property
    def pid(self) -> int:
        """Return the process id, which is the id of its group too."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """Return the exit code, negative for a signal, None while it runs."""
        return self._popen.poll()

    def tail(self, lines: int = _TAIL_LINES) -> str:
        """Return the last lines of the log."""
        if self._pump is not None and self.exit_code is not None:
            self._pump.join(timeout=_PUMP_S)
        with self.log_path.open("rb") as log:
            log.seek(max(0, self.log_path.stat().st_size - _TAIL_BYTES))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    def assert_alive(self) -> None:
        """Raise ProcessError with exit code and last log lines when the process has ended on its own."""
        if self.exit_code is None or self._stopping:
            return
        raise ProcessError(
            f"{self.name} ended on its own",
            seen=f"{_describe(self.exit_code)}; its last lines:\n{self.tail()}",
            wanted="a running process",
            where=str(self.log_path),
            next_step=f"run it by hand: {shlex.join(self.argv)}",
        )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group, if it still lives."""
        if self.exit_code is None:
            os.killpg(self.pid, number)

    def stop(self, grace_s: float = DEFAULT_STOP_GRACE_S) -> int:
        """Ask the group to end, kill it after `grace_s` seconds, and return the exit code."""
        self._stopping = True
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # one that a hook has paused would not hear it
        deadline = time.monotonic() + grace_s
        while self.exit_code is None and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return self.kill()

    def kill(self) -> int:
        """Kill the whole group at once and return the exit code."""
        self._stopping = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # also what the leader has left behind
        return self._popen.wait()


def run_to_end(argv: Sequence[str], *, setting: Setting, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run a command in a process group of its own and return what it printed, whatever its exit code.

    What it leaves running in the background lives on, unless it does not end itself.

    Raises: subprocess.TimeoutExpired after `timeout_s` seconds, when the command and its children are killed.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:  # a pipe would wait for children
        popen = subprocess.Popen(
            [*_shim(setting.jail), *argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=None if setting.env is None else dict(setting.env),
            start_new_session=True,
        )
        try:
            code = popen.wait(timeout_s)
        except BaseException:
            os.killpg(popen.pid, signal.SIGKILL)
            popen.wait()
            raise
        for file in (out, err):
            file.seek(0)
        printed = (setting.secrets.redact(file.read()) for file in (out, err))
        return subprocess.CompletedProcess(tuple(argv), code, *printed)


def _shim(jail: Jail | None) -> list[str]:
    words = (jail.word, jail.workdir) if jail else ("", "")
    return [sys.executable, "-I", "-S", str(_SHIM), str(os.getpid()), *words]


def _copy_without_secrets(stream: IO[bytes], path: Path, secrets: Secrets) -> None:
    """Copy output to the log line by line, so that a secret never reaches the disk, not even for a moment."""
    with stream, path.open("ab", buffering=0) as log:
        for line in stream:
            log.write(secrets.redact_bytes(line))


def _assert_executable(name: str, command: str, jail: Jail | None) -> None:
    if not command.startswith("/"):
        return
    path = jail.outside(command) if jail else Path(command)
    if not os.access(path, os.X_OK) and not (path.is_symlink() and jail):  # a link may lead to the jail's own root
        raise ProcessError(
            f"{name} cannot be started",
            seen="not executable" if path.exists() else "no such file",
            wanted="an executable file",
            where=command,
            next_step="correct the command in kms-e2e.toml, or build the folder of binaries again",
        )


def _describe(exit_code: int) -> str:
    if exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"
