"""The one exception tree.

    KmsE2EError
    ├── InputError         what the user gave cannot be used (exit code 2)
    ├── MachineError       the machine lacks something or refuses something (exit code 2)
    ├── BuildError         a Go build or its toolchain failed (exit code 2)
    ├── ProcessError       a component did not start, died or did not become ready (exit code 2)
    │   └── DeadlineError  a state was not reached before its deadline (exit code 2)
    └── SuiteFailure       the suite ran and found a failure (exit code 1)

Every one of them is expected: the command line prints it without a traceback. Anything else that
escapes is a defect of ours and ends with exit code 3 and a traceback.
"""

from __future__ import annotations

from typing import ClassVar

EXIT_PASSED = 0
EXIT_SUITE_FAILED = 1
EXIT_WRONG_INPUT = 2
EXIT_DEFECT = 3


class KmsE2EError(Exception):
    """An expected error that tells what happened, what was seen and wanted, where, and the next step."""

    exit_code: ClassVar[int] = EXIT_WRONG_INPUT

    def __init__(
        self,
        what: str,
        *,
        seen: str | None = None,
        wanted: str | None = None,
        where: str | None = None,
        next_step: str | None = None,
    ) -> None:
        """Keep the parts apart, so that a caller can show them as it likes.

        `what` is one sentence; `seen` and `wanted` are values; `where` is the file, variable or
        command the value came from; `next_step` is what the reader should do now.
        """
        super().__init__(what)
        self.what = what
        self.seen = seen
        self.wanted = wanted
        self.where = where
        self.next_step = next_step

    def __str__(self) -> str:
        """Return the message with all its parts, a line each, so that it can stand alone."""
        parts = (("seen", self.seen), ("wanted", self.wanted), ("where", self.where), ("next", self.next_step))
        return "\n".join([self.what, *(f"  {name + ':':<8}{value}" for name, value in parts if value)])


class InputError(KmsE2EError):
    """What the user gave (a file, a variable, an option) cannot be used."""


class MachineError(KmsE2EError):
    """The machine lacks something that the run needs, or refuses it (disk, permission, network)."""


class BuildError(KmsE2EError):
    """A Go toolchain could not be had, or a build failed."""


class ProcessError(KmsE2EError):
    """A component did not start, died, or never became ready."""


class DeadlineError(ProcessError):
    """A state was not reached before its deadline, although every process involved was alive."""


class SuiteFailure(KmsE2EError):
    """The suite ran and at least one scenario failed."""

    exit_code = EXIT_SUITE_FAILED
