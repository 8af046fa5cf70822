"""What the module says of a run that left no report, or was killed; no engine is needed."""

from __future__ import annotations

import anyio
import dagger
import gql
import pytest
from dagger import dag
from dagger._exceptions import QueryErrorValue

from pipeline.containers.report import Report, report_of
from pipeline.core.result import RunReport, to_json
from pipeline.errors import EXIT_DEFECT, EXIT_WRONG_INPUT, InputError, ProcessError
from tests.contract.recorded_queries import Answer, Recorder

FINISHED = RunReport("7", "0", 1.0, 2.0, "example", "v1.37.2", "1.26.10", ".go-version", EXIT_WRONG_INPUT)


def report(answer: Answer) -> tuple[Report, list[str]]:
    """Return the report of a container whose queries are answered, and the queries."""
    reports: list[Report] = []

    async def read() -> None:
        reports.append(await report_of(dag.container().with_exec(["suite"]), "7"))
        await reports[0].directory.id()

    lines = Recorder(answer).record(read)
    return reports[0], lines


def ended(code: int, *, begun: bool) -> Answer:
    """Answer as a container whose suite ended with an exit code, with or without a report."""

    def answer(_chain: str, field: str) -> object:
        if field.startswith("exists"):
            return begun
        return {
            "exitCode": code,
            "stderr": "error: said why\n",
            "stdout": "12 passed\n",
            "contents": to_json(FINISHED),
        }[field]

    return answer


def verdict(found: Report) -> None:
    anyio.run(found.verdict)


def test_a_killed_suite_is_named_by_its_signal() -> None:
    found, _ = report(ended(201, begun=True))
    assert (found.exit_code, found.killed_by) == (EXIT_WRONG_INPUT, 9)
    with pytest.raises(ProcessError, match=r"the suite was killed by signal 9 \(SIGKILL\)") as caught:
        verdict(found)
    assert "12 passed" in str(caught.value)
    assert "--parallel=2" in str(caught.value)


@pytest.mark.parametrize(("code", "kind"), [(EXIT_WRONG_INPUT, InputError), (EXIT_DEFECT, ProcessError)])
def test_a_suite_without_a_report_leaves_what_it_said(code: int, kind: type[Exception]) -> None:
    found, lines = report(ended(code, begun=False))
    assert any("suite-failure.json" in line for line in lines)
    assert (found.exit_code, found.killed_by, found.output) == (code, 0, "error: said why")
    with pytest.raises(kind, match="said why"):
        verdict(found)


def test_a_container_that_was_killed_is_one_message() -> None:
    def answer(_chain: str, _field: str) -> object:
        extensions = {"_type": "EXEC_ERROR", "cmd": ["suite"], "exitCode": 137, "stdout": "", "stderr": ""}
        value = QueryErrorValue("exit code: 137", extensions=extensions)
        raise dagger.QueryError([value], gql.gql("{ version }"))

    with pytest.raises(ProcessError, match="the suite's container was killed") as caught:
        report(answer)
    assert "exit code 137" in str(caught.value)
