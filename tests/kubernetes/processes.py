"""Commands of kms-e2e that go on while a test looks at them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = [sys.executable, "-m", "pipeline.cli"]
DEADLINE_S = 300.0


def wait_for(text: Callable[[], str], pattern: str, process: subprocess.Popen[str]) -> re.Match[str]:
    """Wait until a text that grows has what is looked for."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := re.search(pattern, text(), re.DOTALL)):
        assert process.poll() is None, f"ended with {process.returncode}:\n{text()}"
        assert time.monotonic() < deadline, f"no {pattern!r} in {DEADLINE_S:.0f} s:\n{text()}"
        time.sleep(0.1)
    return found


@contextmanager
def started(argv: list[str], output: Path) -> Iterator[subprocess.Popen[str]]:
    with output.open("w") as file:
        process = subprocess.Popen(argv, stdout=file, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)
