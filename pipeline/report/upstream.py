"""Upstream's tests of a report, and what changed between two runs of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.core.result import from_json
from pipeline.core.upstream import UpstreamReport
from pipeline.report import files
from pipeline.report.compare import ABSENT, Change, Direction
from pipeline.report.figures import duration

_PASSED = "passed"


def read_upstream(folder: Path) -> UpstreamReport | None:
    """Return what a report says of upstream's tests or of costs; None when it is of another suite.

    Raises: InputError when the file cannot be read.
    """
    path = folder / files.UPSTREAM_FILE
    if not path.is_file():
        return None
    return from_json(UpstreamReport, path.read_text(encoding="utf-8", errors="replace"), where=str(path))


def compare_upstream(before: UpstreamReport | None, after: UpstreamReport | None) -> tuple[Change, ...]:
    """Compare two runs of upstream's tests; a test that passed and does not any more is worse. Times do not decide."""
    if before is None or after is None or not (before.tests and after.tests):
        return ()
    return (*_facts(before, after), *_tests(before, after))


def _facts(before: UpstreamReport, after: UpstreamReport) -> Iterator[Change]:
    for what, values in (
        ("every resource", [("plain" if run.plain_store else "encrypted") for run in (before, after)]),
        ("upstream's tests that passed", [str(run.rows()[-1].passed) for run in (before, after)]),
        ("values written", [str(sum(row.written for row in run.resources)) for run in (before, after)]),
        ("from ginkgo's start to its end", [duration(run.duration_s) for run in (before, after)]),
    ):
        yield Change(Direction.OTHER, what, *values)


def _tests(before: UpstreamReport, after: UpstreamReport) -> Iterator[Change]:
    old, new = ({test.name: test for test in run.tests} for run in (before, after))
    for name in sorted({*old, *new}):
        first, second = (found[name].outcome if name in found else ABSENT for found in (old, new))
        if first != second:
            direction = (
                Direction.WORSE if first == _PASSED else Direction.BETTER if second == _PASSED else Direction.OTHER
            )
            yield Change(direction, name, first, second, new[name].message if name in new else "")
