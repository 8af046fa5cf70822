"""Collect the catalogue: what pytest finds is what there is."""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from pipeline.errors import InputError
from pipeline.suite.scenario import Scenario

SUITE: Final = Path(__file__).parent
# Explicit plugins only, so that what else is installed beside us cannot change a run.
PYTEST_OPTIONS: Final = (
    *("-c", str(SUITE / "pytest.ini"), "--rootdir", str(SUITE)),
    *("--disable-plugin-autoload", "-p", "xdist", "-p", "timeout", "-p", "pipeline.suite.fixtures"),
)


@dataclass(frozen=True, slots=True)
class Collected:
    """A scenario, the argument with which pytest runs it, and the id that pytest reports it under."""

    entry: Scenario
    argument: str
    node: str


@dataclass(slots=True, eq=False)  # pytest wants its plugins hashable
class _Collector:
    found: list[Collected] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            marker = item.get_closest_marker("scenario")
            if marker is not None:
                argument = f"{item.path}::{item.nodeid.partition('::')[2]}"
                self.found.append(Collected(marker.args[0], argument, item.nodeid))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(report.longreprtext)


def collect(extra: Sequence[Path] = ()) -> list[Collected]:
    """Return the catalogue, in the order of ids; `extra` are files or folders with other projects' scenarios.

    Raises: InputError when a file cannot be imported or two scenarios have one id.
    """
    collector = _Collector()
    arguments = [*PYTEST_OPTIONS, "--collect-only", "-p", "no:terminal", str(SUITE), *map(str, extra)]
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = pytest.main(arguments, plugins=[collector])
    if code is pytest.ExitCode.INTERRUPTED and not collector.problems:
        raise KeyboardInterrupt
    if collector.problems or code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise InputError(
            "the scenarios cannot be collected", seen="\n".join(collector.problems) or output.getvalue() or str(code)
        )
    twice = [name for name, count in Counter(item.entry.id for item in collector.found).items() if count > 1]
    if twice:
        raise InputError("two scenarios have one id", seen=", ".join(twice), wanted="ids that are unique")
    return sorted(collector.found, key=lambda item: (item.entry.family, item.entry.id))
