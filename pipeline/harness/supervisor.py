"""Owner of a private folder and of the processes of one control plane; nothing outlives it, even by `kill -9`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pipeline.core.result import Event
from pipeline.errors import MachineError
from pipeline.harness.process import Process, Setting

_WATCHER: Final = Path(__file__).with_name("watcher.py")
# sun_path holds 108 bytes on Linux and 104 on macOS (unix(7)), so the folder ignores a long TMPDIR.
_SHORT_FOLDERS: Final = ("/tmp", "/var/tmp")  # noqa: S108 - mkdtemp makes a private one below it


class Supervisor:
    """Starts processes, stops them in reverse order, and removes its private folder (mode 0700)."""

    def __init__(self, plane: str, *, logs: Path, on_event: Callable[[Event], None] | None = None) -> None:
        """Make the folder and start the watcher that outlives a killed supervisor.

        Raises: MachineError when no private folder can be made.
        """
        self.plane = plane
        self.logs = logs
        self.folder = _private_folder()
        self._on_event = on_event
        self._processes: list[Process] = []
        self._watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_WATCHER)], stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        self._tell_watcher(f"folder {self.folder}")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop everything."""
        self.close()

    def spawn(self, name: str, argv: Sequence[str], *, setting: Setting | None = None) -> Process:
        """Start a command under `name`; its log is `<logs>/<name>.log`.

        Raises: ProcessError when it cannot be started.
        """
        process = Process(name, argv, log_path=self.logs / f"{name}.log", setting=setting)
        self._tell_watcher(f"group {process.pid}")
        self._processes.append(process)
        self.event(name, "started")
        return process

    def stop(self, process: Process, *, kill: bool = False) -> int:
        """Stop (or kill) one process of this supervisor and return its exit code."""
        died = process.exit_code
        code = process.kill() if kill else process.stop()
        self._tell_watcher(f"forget {process.pid}")
        if process in self._processes:
            self._processes.remove(process)
            ended = "killed" if kill else "stopped"
            self.event(process.name, ended if died is None else f"died: exit code {died}")
        return code

    def event(self, component: str, what: str) -> None:
        """Note on the run's timeline what happened to a component."""
        if self._on_event is not None:
            self._on_event(Event(at=time.time(), plane=self.plane, component=component, what=what))

    def close(self) -> None:
        """Stop every process in reverse order and remove the folder. May be called twice."""
        while self._processes:
            self.stop(self._processes[-1])
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._watcher.poll() is None:
            self._tell_watcher("done")
            if self._watcher.stdin is not None:
                self._watcher.stdin.close()
            self._watcher.wait()

    def _tell_watcher(self, line: str) -> None:
        if self._watcher.stdin is None or self._watcher.stdin.closed:
            return
        try:
            print(line, file=self._watcher.stdin, flush=True)
        except BrokenPipeError:  # somebody killed the watcher; the parent-death signal still holds
            return


def _private_folder() -> Path:
    for parent in _SHORT_FOLDERS:
        if os.access(parent, os.W_OK):
            return Path(tempfile.mkdtemp(prefix="kms-", dir=parent))
    raise MachineError(
        "no folder for sockets can be made",
        seen="not writable",
        wanted="a writable folder with a short path, for a socket's path holds 107 bytes",
        where=", ".join(_SHORT_FOLDERS),
    )
