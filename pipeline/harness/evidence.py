"""The report folder while the run writes it: logs, timeline, calls and metrics of each control plane."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.result import Event, to_json


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a run's evidence goes; several processes may write to one folder."""

    folder: Path

    def logs(self, plane: str) -> Path:
        """Return the folder of a control plane's log files."""
        return self.folder / "logs" / plane

    def calls(self, plane: str) -> Path:
        """Return the file of the KMS calls that a plane's fault proxy saw, one JSON object a line."""
        path = self.folder / "calls" / f"{plane}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def add_event(self, event: Event) -> None:
        """Append to the timeline."""
        append_line(self.folder / "events.jsonl", to_json(event))

    def write_metrics(self, plane: str, text: str) -> None:
        """Keep a kube-apiserver's metrics as they were last read."""
        path = self.folder / "metrics" / plane / "kube-apiserver-metrics.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def append_line(path: Path, line: str) -> None:
    """Append one line in a single write, so that lines of several processes do not mix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line.encode() + b"\n")
    finally:
        os.close(descriptor)
