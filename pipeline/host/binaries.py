"""Which Go built a program, read from the program by `go version -m`; the program itself is never run."""

from __future__ import annotations

import os
import posixpath
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.core.go_binary import GoBinary, parse_go_binaries
from pipeline.errors import InputError
from pipeline.host.bootstrap import GoProgram
from pipeline.host.command import Command, run_command
from pipeline.host.image_programs import is_image, put_aside
from pipeline.host.source import file_digest

TIMEOUT_S: Final = 60.0
"""For one file; the Go command reads a few pages of it."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program and what it says of itself: a file on disk, or one `inside` the image at `path`."""

    path: Path
    sha256: str
    binary: GoBinary
    inside: str = ""

    @property
    def shown(self) -> str:
        """Return where it is, for people."""
        return f"{self.path}: {self.inside}" if self.inside else str(self.path)

    @property
    def name(self) -> str:
        """Return the name of the program's file."""
        return posixpath.basename(self.inside) or self.path.name


def read_programs(path: Path, go: GoProgram) -> tuple[Program, ...]:
    """Ask a program, or every Go program in an image, which Go built it and which modules are in it.

    Raises: InputError when the file is none that Go built and no image with one; MachineError when the Go command
    cannot be run.
    """
    if not path.is_dir():
        _check_regular(path.absolute())
    if not is_image(path):
        return (read_program(path, go),)
    with tempfile.TemporaryDirectory(prefix="kms-e2e-") as folder:
        place = Path(folder)
        shelf = place / "programs"
        shelf.mkdir()
        names = put_aside(path, shelf)
        code, output = _ask(shelf, go, place)
        blocks = parse_go_binaries(output) if code == 0 and output.strip() else ()
        found = {Path(binary.path).name: binary for binary in blocks}
        programs = [
            Program(path, file_digest(shelf / name), found[name], inside)
            for name, inside in names.items()
            if name in found
        ]
    if not programs:
        raise _no_program(path, f"{len(names)} program(s), and Go built none of them\n{output[-200:]}")
    return tuple(programs)


def read_program(path: Path, go: GoProgram) -> Program:
    """Ask a program which Go built it and which modules are in it.

    Raises: InputError when the file is none that Go built; MachineError when the Go command cannot be run.
    """
    file = path.absolute()
    _check_regular(file)
    with tempfile.TemporaryDirectory(prefix="kms-e2e-") as folder:
        code, output = _ask(file, go, Path(folder))
    if code != 0:
        raise _no_program(file, output)
    try:
        (binary,) = parse_go_binaries(output)
    except (InputError, ValueError) as error:
        raise _no_program(file, output) from error
    return Program(path, file_digest(file), binary)


def _ask(what: Path, go: GoProgram, place: Path) -> tuple[int, str]:
    """Run `go version -m` on a file, or on all programs of a folder."""
    argv = (str(go.path), "version", "-m", str(what))
    command = Command(argv, place, _environment(str(place)), place / "log", place / "go", TIMEOUT_S)
    lines: list[str] = []
    finished = run_command(command, lines.append)
    return finished.exit_code, "\n".join(lines)


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
        wanted="a binary of go build, or an image that holds one",
        where=str(file),
        next_step="name the binary itself, or an image as `docker save` or an OCI layout",
    )
