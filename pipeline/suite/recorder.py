"""Turn pytest's reports into the results of scenarios, written as each one ends.

The worker that runs a scenario judges it and attaches the record to pytest's report; the controlling process, which
also hears of a worker that died, writes exactly one result for each planned scenario.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Final

import pytest

from pipeline.core.result import Outcome, ScenarioResult, from_json, to_json
from pipeline.errors import InputError, KmsE2EError, MachineError
from pipeline.harness.exec_shim import die_with_parent
from pipeline.harness.secret_values import all_secrets
from pipeline.report.evidence import append_result
from pipeline.suite.scenario import ProofRecorder, Scenario

_KEY: Final = "kms-e2e-result"
# pytest-timeout ends a test from a signal handler of this file; without pytest's terminal it cannot say so itself.
_TIMER: Final = "pytest_timeout.py"


def blank(entry: Scenario, outcome: Outcome, reason: str) -> ScenarioResult:
    """Return the result of a scenario that left no record."""
    return ScenarioResult(
        id=entry.id,
        title=entry.title,
        family=entry.family,
        level=entry.level,
        source=entry.source,
        subject=entry.subject,
        how=entry.how,
        fails_with=entry.twin.breaks,
        outcome=outcome,
        reason=reason,
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let a worker die with the controlling process, even when that is killed."""
    if hasattr(config, "workerinput"):
        die_with_parent()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, None]:
    """Judge one phase of a scenario in the process that runs it."""
    outcome = yield
    report = outcome.get_result()
    marker = item.get_closest_marker("scenario")
    if marker is None or (report.when != "call" and report.passed):
        return
    verdict, reason = _judge(report, call.excinfo)
    recorder: ProofRecorder = getattr(item, "kms_proof", None) or ProofRecorder()
    result = dataclasses.replace(
        blank(marker.args[0], verdict, reason),
        proofs=tuple(recorder.proofs),
        latencies=tuple(recorder.latencies),
        plane=recorder.plane,
        known_issue=recorder.known_issue,
        wrong_input=call.excinfo is not None and isinstance(call.excinfo.value, InputError | MachineError),
        started_at=call.start,
        duration_s=call.duration,
    )
    report.user_properties = [*report.user_properties, (_KEY, _without_secrets(item, to_json(result)))]


def _without_secrets(item: pytest.Item, text: str) -> str:
    """Take the plugin's secrets out of a result before it leaves the process that saw them."""
    equipment = getattr(item, "funcargs", {}).get("kms_equipment")
    return all_secrets(equipment.plugin).redact(text) if equipment is not None else text


def _judge(report: pytest.TestReport, excinfo: pytest.ExceptionInfo[BaseException] | None) -> tuple[Outcome, str]:
    if excinfo is None:
        return Outcome.PASSED, ""
    error = excinfo.value
    if isinstance(error, pytest.skip.Exception):
        return Outcome.NOT_RUN, str(error)
    if any(Path(entry.path).name == _TIMER for entry in excinfo.traceback):
        return Outcome.ERROR, f"{report.when}: its deadline is over{_place(excinfo, before=_TIMER)}"
    if report.when == "call" and isinstance(error, AssertionError | pytest.fail.Exception):
        return Outcome.FAILED, str(error) or f"{excinfo.exconly()}{_place(excinfo)}"
    text = str(error) if isinstance(error, KmsE2EError) else excinfo.exconly()
    return Outcome.ERROR, f"{report.when}: {text}{_place(excinfo)}"


def _place(excinfo: pytest.ExceptionInfo[BaseException], *, before: str = "") -> str:
    """Return where an exception was raised, or the last place before a file; nothing when that is not known."""
    entries = list(itertools.takewhile(lambda entry: Path(entry.path).name != before, excinfo.traceback))
    return f" ({Path(entries[-1].path).name}:{entries[-1].lineno + 1})" if entries else ""


class ResultWriter:
    """The controlling process's side: one line in results.jsonl for each scenario, in the order they end."""

    def __init__(
        self,
        folder: Path,
        entries: dict[str, Scenario],
        show: Callable[[ScenarioResult], None],
        expected: Mapping[str, str] | None = None,
    ) -> None:
        """Write to the report `folder`; `entries` maps pytest's node names to scenarios; `show` is told each result.

        `expected` are the reasons for which scenarios are expected to fail, by id.
        """
        self._expected = expected or {}
        self._folder = folder
        self._entries = entries
        self._show = show
        self.results: dict[str, ScenarioResult] = {}
        self.failure: OSError | None = None
        self._pending: dict[str, ScenarioResult] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the record of a phase; the result stands when the last phase has ended."""
        entry = self._entries.get(_node(report.nodeid))
        if entry is None:
            return
        for key, value in report.user_properties:
            if key == _KEY:
                self._merge(from_json(ScenarioResult, str(value), where=report.nodeid))
        if report.when not in ("setup", "call", "teardown"):  # xdist's report of a worker that died
            self._merge(blank(entry, Outcome.ERROR, f"its worker process was lost: {report.longreprtext[-500:]}"))
        if report.when not in ("setup", "call") or (report.when == "setup" and report.failed):
            self._finish(entry)

    def finish_missing(self) -> None:
        """Write an error for each scenario of which nothing was heard, so that none is silently absent."""
        for entry in self._entries.values():
            self._pending.setdefault(entry.id, blank(entry, Outcome.ERROR, "pytest reported nothing about it"))
            self._finish(entry)

    def _merge(self, result: ScenarioResult) -> None:
        earlier = self._pending.get(result.id)
        if earlier is None:
            self._pending[result.id] = result
        elif earlier.outcome is Outcome.PASSED:  # it passed and its teardown failed
            self._pending[result.id] = dataclasses.replace(earlier, outcome=result.outcome, reason=result.reason)

    def _finish(self, entry: Scenario) -> None:
        if entry.id in self.results:
            return
        result = self._pending.pop(entry.id, None) or blank(entry, Outcome.ERROR, "it left no record")
        if result.outcome is Outcome.FAILED:
            result = dataclasses.replace(result, expected=self._expected.get(entry.id, ""))
        self.results[entry.id] = result
        try:
            append_result(self._folder, result)
        except OSError as error:  # no evidence, no run
            self.failure = error
            pytest.exit(str(error))
        self._show(result)


def _node(nodeid: str) -> str:
    return nodeid.split("@", 1)[0]  # xdist's loadgroup adds "@group"
