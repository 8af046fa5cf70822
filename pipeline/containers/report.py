"""`Report`: the evidence of one run of the suite, and its verdict."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Final

import dagger
from dagger import Doc

from pipeline.containers.messages import last_lines
from pipeline.containers.suite import REPORT_FOLDER
from pipeline.containers.typed import field, function, object_type
from pipeline.core.result import Outcome, RunReport, ScenarioResult, from_json, to_json
from pipeline.core.suite_exit import FAILURE_FILE, Failure, killed_by, signal_name
from pipeline.errors import EXIT_PASSED, EXIT_SUITE_FAILED, EXIT_WRONG_INPUT, InputError, ProcessError, SuiteFailure

REPORT_FILE: Final = "report.json"


@object_type
class Report:
    """The evidence of one run of the suite. Reading it never fails because a scenario failed; `verdict` does."""

    directory: Annotated[
        dagger.Directory, Doc("All evidence: report.html, report.json, JUnit, logs, metrics, calls, provenance.")
    ] = field()
    exit_code: Annotated[int, Doc("0 all passed, 1 a failure found, 2 wrong input, 3 a defect.")] = field()
    run_id: Annotated[str, Doc("Name of the run.")] = field()
    passed: Annotated[int, Doc("Number of scenarios that passed.")] = field()
    failed: Annotated[int, Doc("Number of scenarios that failed.")] = field()
    errors: Annotated[int, Doc("Number of scenarios that could not be judged.")] = field()
    not_run: Annotated[int, Doc("Number of selected scenarios that did not run, with a reason in the report.")] = (
        field()
    )
    output: str = ""
    killed_by: int = 0

    @function
    def junit(self) -> dagger.File:
        """JUnit file of the run."""
        return self.directory.file("junit_kms_01.xml")

    @function
    def html(self) -> dagger.File:
        """Report for people: one HTML file without outside references."""
        return self.directory.file("report.html")

    @function
    def json(self) -> dagger.File:
        """Report for machines, in a versioned schema."""
        return self.directory.file(REPORT_FILE)

    @function
    async def verdict(self) -> None:
        """Return nothing when all passed; else fail with the failing scenarios and their reasons."""
        if self.killed_by:
            raise _killed(f"the suite was killed by {signal_name(self.killed_by)}", self.output, self.run_id)
        if self.exit_code == EXIT_PASSED:
            return
        if self.exit_code == EXIT_SUITE_FAILED:
            raise failure(await read_run(self.directory), self.run_id)
        if self.exit_code == EXIT_WRONG_INPUT:
            raise InputError(
                "the suite could not run", seen=last_lines(self.output), where=f"run {self.run_id}", next_step=_EXPORT
            )
        raise ProcessError(
            "the suite ended with a defect of its own",
            seen=f"exit code {self.exit_code}\n{last_lines(self.output)}",
            wanted="exit code 0",
            where=f"run {self.run_id}",
            next_step=_EXPORT,
        )


_MORE_ROOM: Final = "give the engine more memory, or run less at once: --parallel=2, --shard=1/2"
_EXPORT: Final = "export the evidence with the same run id: dagger call --run-id=… report directory export --path=DIR"


def failure(run: RunReport, run_id: str) -> SuiteFailure:
    """Return the verdict of a red run, which names each failing scenario with its reason."""
    red = [item for item in run.scenarios if item.is_bad]
    lines = [_line(item) for item in red]
    if run.interrupted:
        lines.append("the run was interrupted")
    return SuiteFailure(
        f"{len(red)} of {len(run.planned)} scenarios did not pass",
        seen="\n" + "\n".join(lines) if lines else "nothing passed",
        wanted="every selected scenario passed",
        where=f"run {run_id} of {run.plugin} on Kubernetes {run.kubernetes or 'unknown'}",
        next_step=_EXPORT,
    )


def _killed(what: str, output: str, run_id: str) -> ProcessError:
    return ProcessError(
        what, seen=f"\n{output}", wanted="a suite that runs to its end", where=f"run {run_id}", next_step=_MORE_ROOM
    )


async def read_run(directory: dagger.Directory) -> RunReport:
    """Read report.json of a report's folder.

    Raises: InputError when it is of another schema version.
    """
    return from_json(RunReport, await directory.file(REPORT_FILE).contents(), where=REPORT_FILE)


async def report_of(container: dagger.Container, run_id: str) -> Report:
    """Execute a container that runs the suite, and return its report.

    Where the suite wrote none, the folder has its exit code and its last lines as FAILURE_FILE.

    Raises: ProcessError when the whole container was killed, with which its evidence is lost.
    """
    try:
        code = await container.exit_code()
    except dagger.ExecError as error:
        raise _killed("the suite's container was killed", f"exit code {error.exit_code}", run_id) from error
    signal = killed_by(code)
    code = EXIT_WRONG_INPUT if signal else code
    output = last_lines((not signal and await container.stderr()) or await container.stdout())
    directory = container.directory(REPORT_FOLDER)
    run = await read_run(directory) if await directory.exists(REPORT_FILE) else None
    if run is None:
        directory = directory.with_new_file(FAILURE_FILE, to_json(Failure(code, output)))
    counts = Counter(item.outcome for item in run.scenarios if not item.expected) if run else Counter[Outcome]()
    planned = set(run.planned) if run else set()
    missed = sum(item.outcome is Outcome.NOT_RUN for item in run.scenarios if item.id in planned) if run else 0
    return Report(
        directory=directory,
        exit_code=code,
        run_id=run_id,
        passed=counts[Outcome.PASSED],
        failed=counts[Outcome.FAILED],
        errors=counts[Outcome.ERROR],
        not_run=missed,
        output=output,
        killed_by=signal,
    )


def _line(item: ScenarioResult) -> str:
    reason = "\n".join(f"         {line}" for line in item.reason.splitlines())
    return f"    {item.id:<4} {item.outcome}: {item.title}\n{reason}"
