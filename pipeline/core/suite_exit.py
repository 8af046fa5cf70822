"""How a suite in a container ended that left no report of its own: killed, or failed before it began.

Source of the ranges: dagger/dagger v0.21.8 core/container.go, ReturnTypes. `expect=ANY` takes the exit codes 0 to 127
and 192 to 255; those from 128 to 191, a shell's for a death by signal, end the exec as an error with which the
container's files are lost.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Final

FAILURE_FILE: Final = "suite-failure.json"
"""File of an exported folder that holds a `Failure`."""

_BY_SHELLS: Final = 128
_IN_RANGE: Final = 192
_MOST: Final = 255


@dataclass(frozen=True, slots=True)
class Failure:
    """What a suite without a report leaves: its exit code and the last lines that it printed."""

    exit_code: int
    output: str


def passable(code: int) -> int:
    """Return an exit code that Dagger takes; `code` is Python's: negative for a death by signal.

    A death by signal N, or a shell's code 128 + N for one, becomes 192 + N.
    """
    number = -code if code < 0 else code - _BY_SHELLS if _BY_SHELLS <= code < _IN_RANGE else None
    return code if number is None else min(_IN_RANGE + number, _MOST)


def killed_by(code: int) -> int:
    """Return the signal that an exit code of `passable` stands for, 0 when it stands for none."""
    return code - _IN_RANGE if code > _IN_RANGE else 0


def signal_name(number: int) -> str:
    """Return a signal as people know it, such as `signal 9 (SIGKILL)`."""
    names = {int(known): known.name for known in signal.Signals}
    return f"signal {number} ({names[number]})" if number in names else f"signal {number}"
