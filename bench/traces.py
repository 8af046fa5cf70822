"""A run of the suite whose processes, sockets, ports, locks and folders can be told from all others (Linux)."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
GONE_WITHIN_S: Final = 10.0
_POLL_S: Final = 0.1
_FOLDER: Final = re.compile(r"(?:/var)?/tmp/kms-\w+")
_PORT: Final = re.compile(r"--secure-port=(\d+)")


@dataclass(frozen=True, slots=True)
class Left:
    """How many things of a run are still there."""

    processes: int
    sockets: int
    ports: int
    locks: int
    folders: int

    @property
    def nothing(self) -> bool:
        """Tell whether all counts are 0."""
        return not (self.processes or self.sockets or self.ports or self.locks or self.folders)


@dataclass(slots=True)
class MarkedRun:
    """A run with a mark in its environment and in the path of its binaries; `look` notes what it has at a moment."""

    process: subprocess.Popen[bytes]
    mark: str
    report: Path
    pids: set[int] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    ports: set[int] = field(default_factory=set)

    def processes(self) -> dict[int, str]:
        """Return the command lines of all its processes, by id."""
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if command and (self.mark in command or self.mark.encode() in (folder / "environ").read_bytes()):
                    found[int(folder.name)] = command
        return found

    def look(self) -> None:
        """Note the processes, folders and ports that it has now."""
        found = self.processes()
        text = " ".join(found.values())
        self.pids |= set(found)
        self.folders |= set(_FOLDER.findall(text))
        self.ports |= {int(port) for port in _PORT.findall(text)}

    def named(self, word: str) -> list[str]:
        """Return the command lines of its processes whose program has this name."""
        return [command for command in self.processes().values() if f"/{word} " in command.split("--")[0] + " "]

    def left(self, timeout_s: float = GONE_WITHIN_S) -> Left:
        """Return what is left of all that was noted, when nothing is or after `timeout_s` seconds."""
        eventually(lambda: self._left().nothing, timeout_s)
        return self._left()

    def _left(self) -> Left:
        sockets = Path("/proc/net/unix").read_text().splitlines()
        locks = [int(line.split()[4]) for line in Path("/proc/locks").read_text().splitlines() if "->" not in line]
        return Left(
            processes=len(self.processes()),
            sockets=sum(any(folder in line for folder in self.folders) for line in sockets),
            ports=sum(not _free(port) for port in self.ports),
            locks=len(self.pids & set(locks)),
            folders=sum(Path(folder).exists() for folder in self.folders),
        )


def start_run(assets: Path, folder: Path, *options: str, variables: Mapping[str, str] | None = None) -> MarkedRun:
    """Start `python -m pipeline.suite` on copies (hard links) of the binaries below `folder`; its output is piped."""
    mark = f"mark-{uuid.uuid4().hex}"
    marked = folder / mark
    marked.mkdir(parents=True)
    for file in assets.iterdir():
        if file.is_file():
            _link(file, marked / file.name)
    report = folder / f"report-{mark[-8:]}"
    if "--report" not in options:
        options = (*options, "--report", str(report))
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.suite", "--assets", str(marked), *options],
        cwd=ROOT,
        env={**os.environ, "KMS_E2E_TEST_MARK": mark, **(variables or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return MarkedRun(process, mark, report)


def end_run(run: MarkedRun) -> None:
    """Kill a run that is still there, and close its output."""
    if run.process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.process.pid, signal.SIGKILL)
        run.process.wait()
    if run.process.stdout is not None:
        run.process.stdout.close()


def eventually(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Wait until a condition holds, at most `timeout_s` seconds, and tell whether it does."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(_POLL_S)
    return condition()


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # its closed connections may linger
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source.resolve())
    except OSError:  # another file system
        target.symlink_to(source.resolve())
