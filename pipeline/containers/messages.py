"""Errors of this module as a caller sees them: one message that stands alone, without a traceback."""

from __future__ import annotations

import logging
from typing import Final

import dagger

from pipeline.errors import BuildError, KmsE2EError

MOST_LINES: Final = 40
"""As many last lines of a failed command's output are shown."""


class _OnlyDefects(logging.Filter):
    """Drop the SDK's record of an error that is expected: its message reaches the caller as the function's error."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the record is shown."""
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, KmsE2EError)


def show_no_traceback() -> None:
    """Keep tracebacks for defects. May be called again."""
    logger = logging.getLogger("dagger.mod")
    if not any(isinstance(item, _OnlyDefects) for item in logger.filters):
        logger.addFilter(_OnlyDefects())


def last_lines(text: str, most: int = MOST_LINES) -> str:
    """Return the last lines of an output, and how many were left out."""
    lines = text.strip().splitlines()
    left_out = [f"… ({len(lines) - most} lines before)"] if len(lines) > most else []
    return "\n".join([*left_out, *lines[-most:]])


async def finished(container: dagger.Container, what: str, *, next_step: str) -> dagger.Container:
    """Execute the container's commands and return it.

    Raises: BuildError that says `what` failed, with the command, its exit code and the end of its output.
    """
    try:
        return await container.sync()
    except dagger.ExecError as error:
        raise BuildError(
            f"{what} failed",
            seen=f"exit code {error.exit_code}\n{last_lines(error.stderr or error.stdout)}",
            wanted="exit code 0",
            where=" ".join(error.command),
            next_step=next_step,
        ) from error
    except dagger.QueryError as error:
        raise BuildError(
            f"{what} failed", seen=str(error), wanted="a container that runs", next_step=next_step
        ) from error
