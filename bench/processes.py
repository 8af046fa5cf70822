"""Run a command and watch its whole process tree (Linux: reads /proc)."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_SAMPLE_S: Final = 0.25
_COUNTED: Final = "etcd"  # each control plane has one


@dataclass(frozen=True, slots=True)
class Resident:
    """One process as /proc shows it."""

    pid: int
    parent: int
    name: str
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Watched:
    """What a command took, `processor_s` on all processors together.

    Memory is the sum of resident sizes, so pages that processes share count more than once.
    """

    seconds: float
    processor_s: float
    exit_code: int
    output: str
    peak_bytes: int
    largest: str
    largest_bytes: int
    control_planes: int


def parse_stat(text: str) -> Resident:
    """Read /proc/PID/stat; the name stands in brackets and may hold anything (proc_pid_stat(5))."""
    head, _, tail = text.rpartition(")")
    pid, _, name = head.partition(" (")
    words = tail.split()
    return Resident(int(pid), int(words[1]), name, int(words[21]) * PAGE_BYTES)


def tree(processes: Sequence[Resident], root: int) -> tuple[Resident, ...]:
    """Return a process and all its descendants."""
    members = {root}
    grown = True
    while grown:
        found = {process.pid for process in processes if process.parent in members}
        grown = not found <= members
        members |= found
    return tuple(process for process in processes if process.pid in members)


def watch(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Watched:
    """Run a command to its end and sample its process tree four times a second."""
    began, used_s = time.monotonic(), _children_s()
    peak = largest_bytes = planes = 0
    largest = ""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env) as process:
        reader = _Output(process)
        while process.poll() is None:
            members = tree(_snapshot(), process.pid)
            peak = max(peak, sum(member.rss_bytes for member in members))
            planes = max(planes, sum(member.name == _COUNTED for member in members))
            top = max(members, key=lambda member: member.rss_bytes, default=None)
            if top is not None and top.rss_bytes > largest_bytes:
                largest, largest_bytes = top.name, top.rss_bytes
            reader.drain(_SAMPLE_S)
        seconds = time.monotonic() - began
        return Watched(
            seconds, _children_s() - used_s, process.returncode, reader.rest(), peak, largest, largest_bytes, planes
        )


def _children_s() -> float:
    """Return the processor time of all processes that have ended and were waited for, with their descendants."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class _Output:
    """The output of a process, read while it runs, so that a full pipe never stops it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._text = ""

    def drain(self, seconds: float) -> None:
        try:
            self._text, _ = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return

    def rest(self) -> str:
        if not self._text:
            self._text, _ = self._process.communicate()
        return self._text


def _snapshot() -> list[Resident]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append(parse_stat((entry / "stat").read_text(errors="replace")))
            except OSError:  # it has ended meanwhile
                continue
    return found
