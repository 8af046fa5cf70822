"""What the tests of the host adapter share: a plugin's source, and builds in processes of their own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.host.build import Assets

MAIN = 'package main\n\nimport "fmt"\n\nfunc main() {{ fmt.Println("{text}") }}\n'
PROGRAM = """
import os, resource, sys
from pathlib import Path
from pipeline.errors import KmsE2EError
from pipeline.host.build import BuildRequest, build_assets
from pipeline.host.progress import PlainProgress
if limit := os.environ.get("FILE_LIMIT_BYTES"):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    assets = build_assets(
        BuildRequest(source=Path(sys.argv[1]), kubernetes=None, output=Path(sys.argv[2])), PlainProgress(sys.stdout)
    )
except KmsE2EError as error:
    sys.exit(f"{type(error).__name__}: {error}")
print("compiled", assets.compiled)
"""


@dataclass(frozen=True)
class Source:
    """A plugin's source tree."""

    folder: Path

    def write(self, text: str) -> None:
        """Let the program print a text."""
        (self.folder / "main.go").write_text(MAIN.format(text=text))

    def write_slow(self, text: str) -> None:
        """Make a program that takes the compiler some seconds, so that there is time to kill it."""
        self.write(text)
        functions = (
            f'func F{number}(a map[string]int) int {{ for k := range a {{ a[k+"{text}"]++ }}; return len(a) }}\n'
            for number in range(4_000)
        )
        (self.folder / "slow.go").write_text("package main\n\n" + "".join(functions))


@dataclass(frozen=True)
class Runner:
    """A build in a process of its own."""

    process: subprocess.Popen[str]
    output: Path

    def text(self) -> str:
        return self.output.read_text()

    def wait_for(self, text: str, *, timeout_s: float = 120.0) -> None:
        """Wait until the run has said something."""
        deadline = time.monotonic() + timeout_s
        while text not in self.text():
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.text()}"
            assert time.monotonic() < deadline, f"did not say {text!r} in {timeout_s} s:\n{self.text()}"
            time.sleep(0.02)

    def finish(self, *, timeout_s: float = 180.0) -> int:
        return self.process.wait(timeout=timeout_s)


Build = Callable[..., Assets]
Start = Callable[..., Runner]


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of all processes that name a folder in their command line or environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if os.fsencode(folder) in line and b"/go" in line:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def wait_for_processes(folder: Path, *, timeout_s: float = 30.0) -> None:
    """Wait until a cache's work has started: a build says what it compiles before it starts the compiler."""
    deadline = time.monotonic() + timeout_s
    while not processes_of(folder):
        assert time.monotonic() < deadline, f"no process works on {folder} after {timeout_s} s"
        time.sleep(0.02)


def assert_gone(folder: Path, *, timeout_s: float = 10.0) -> None:
    """Wait until no process of a cache is left."""
    deadline = time.monotonic() + timeout_s
    while left := processes_of(folder):
        assert time.monotonic() < deadline, f"still there after {timeout_s} s: {left}"
        time.sleep(0.05)
