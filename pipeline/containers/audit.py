"""The drift audit of a source tree, by the command line that a host runs."""

from __future__ import annotations

from typing import Final

import dagger

from pipeline.containers.suite import PROGRAM_FOLDER, suite_container
from pipeline.errors import EXIT_DEFECT, EXIT_PASSED, EXIT_SUITE_FAILED, InputError, ProcessError, SuiteFailure

_REPOSITORY: Final = "/repository"
_LINE: Final = ("python", "-m", "pipeline.cli", "audit", _REPOSITORY)


async def assert_no_drift(own: dagger.Directory, base: dagger.Container | None, source: dagger.Directory) -> None:
    """Run `kms-e2e audit` over a source; `own` is this module's source, `base` the image to run it in.

    Raises: SuiteFailure with the table of findings; InputError when the source or its audit.toml cannot be used.
    """
    container = (
        (await suite_container(own, base))
        .with_directory(f"{PROGRAM_FOLDER}/pipeline", own.directory("pipeline"), exclude=["**/__pycache__"])
        .with_directory(_REPOSITORY, source)
        .with_exec(list(_LINE), expect=dagger.ReturnType.ANY)
    )
    code = await container.exit_code()
    if code == EXIT_PASSED:
        return
    said = await container.stdout() + await container.stderr()
    if code == EXIT_SUITE_FAILED:
        raise SuiteFailure(
            "the source names other Go versions than the one in force",
            seen=f"\n{said.rstrip()}",
            where="the source's files, by line and column",
            next_step="`kms-e2e audit --fix` corrects them; audit.toml lists what may differ, with a reason",
        )
    kind = InputError if code < EXIT_DEFECT else ProcessError
    raise kind("the audit could not run", seen=f"exit code {code}\n{said.rstrip()}", where=" ".join(_LINE))
