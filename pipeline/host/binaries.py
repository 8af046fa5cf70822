"""Which Go built a program, read from the program by `go version -m`; the program itself is never run."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.core.go_binary import GoBinary, parse_go_binaries
from pipeline.errors import InputError
from pipeline.host.bootstrap import GoProgram
from pipeline.host.command import Command, run_command
from pipeline.host.source import file_digest

TIMEOUT_S: Final = 60.0
"""For one file; the Go command reads a few pages of it."""


@dataclass(frozen=True, slots=True)
class Program:
    """A file on disk and what it says of itself."""

    path: Path
    sha256: str
    binary: GoBinary


def read_program(path: Path, go: GoProgram) -> Program:
    """Ask a program which Go built it and which modules are in it.

    Raises: InputError when the file is none that Go built; MachineError when the Go command cannot be run.
    """
    file = path.absolute()
    _check_regular(file)
    with tempfile.TemporaryDirectory(prefix="kms-e2e-") as folder:
        place = Path(folder)
        command = Command(
            (str(go.path), "version", "-m", str(file)), place, _environment(folder), place / "log", place, TIMEOUT_S
        )
        lines: list[str] = []
        finished = run_command(command, lines.append)
    if finished.exit_code != 0:
        raise _no_program(file, "\n".join(lines))
    try:
        (binary,) = parse_go_binaries("\n".join(lines))
    except (InputError, ValueError) as error:
        raise _no_program(file, "\n".join(lines)) from error
    return Program(path, file_digest(file), binary)


def _check_regular(file: Path) -> None:
    try:
        mode = file.stat().st_mode
    except OSError as error:
        raise InputError("a program cannot be read", seen=str(error.strerror), where=str(file)) from error
    if not stat.S_ISREG(mode):
        raise InputError("no program, but something other than a file", seen=stat.filemode(mode), where=str(file))


def _environment(folder: str) -> dict[str, str]:
    """Return an environment in which the Go command neither switches versions nor reads the user's settings."""
    return {
        "PATH": os.defpath,
        "HOME": folder,
        "GOENV": "off",
        "GOTOOLCHAIN": "local",
        "GOTELEMETRY": "off",
        "GOPATH": folder,
        "GOCACHE": "off",
        "LC_ALL": "C",
    }


def _no_program(file: Path, output: str) -> InputError:
    return InputError(
        "no program that Go built, or one without its build information",
        seen=output[-300:] or "no output",
        wanted="a binary of go build",
        where=str(file),
        next_step="name the binary itself; an archive or image has to be unpacked first",
    )
