"""The command line `kms-e2e`: one small file a command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; expected errors end with one message and no traceback, defects of ours with exit code 3."""
    try:
        from pipeline.cli.app import run  # noqa: PLC0415 - the message below must not need what is missing
    except ModuleNotFoundError as error:
        sys.exit(_missing(error))
    except KeyboardInterrupt:  # loading takes long enough for somebody to change their mind
        sys.stderr.write("interrupted\n")
        sys.exit(2)
    sys.exit(run())


def _missing(error: ModuleNotFoundError) -> int:
    if error.name is None or error.name.partition(".")[0] == "pipeline":
        raise error
    sys.stderr.write(
        f"error: the Python package {error.name} is missing\n"
        "  next:   install the command line with its dependencies: pip install 'kms-e2e[suite]', or `make venv`\n"
    )
    return 2
