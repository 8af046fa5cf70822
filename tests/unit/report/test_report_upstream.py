"""Two runs of upstream's tests compared: each test once, with what got worse."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.result import to_json
from pipeline.core.upstream import UpstreamReport, UpstreamTest, WrittenResource
from pipeline.errors import InputError
from pipeline.report.compare import Direction
from pipeline.report.files import UPSTREAM_FILE
from pipeline.report.upstream import compare_upstream, read_upstream


def run(*outcomes: str, plain: bool = False) -> UpstreamReport:
    tests = tuple(UpstreamTest(f"[sig-auth] {number}", outcome, "why") for number, outcome in enumerate(outcomes))
    resources = (WrittenResource("secrets", len(tests), len(tests)),)
    return UpstreamReport("v1", "", "", "", 1, 60.0, tests, resources=resources, plain_store=plain)


def test_what_passed_and_does_not_any_more_is_worse() -> None:
    changes = compare_upstream(
        run("passed", "failed", "skipped", "passed", plain=True), run("failed", "passed", "failed")
    )
    shown = {change.what: (change.direction, change.before, change.after) for change in changes}
    assert shown["every resource"] == (Direction.OTHER, "plain", "encrypted")
    assert shown["upstream's tests that passed"] == (Direction.OTHER, "2", "1")
    assert shown["values written"] == (Direction.OTHER, "4", "3")
    assert shown["from ginkgo's start to its end"][1:] == ("1 min", "1 min")
    assert shown["[sig-auth] 0"] == (Direction.WORSE, "passed", "failed")
    assert shown["[sig-auth] 1"] == (Direction.BETTER, "failed", "passed")
    assert shown["[sig-auth] 2"] == (Direction.OTHER, "skipped", "failed")
    assert shown["[sig-auth] 3"] == (Direction.WORSE, "passed", "absent")
    assert len(shown) == 8


def test_other_suites_are_not_compared() -> None:
    assert compare_upstream(None, run("passed")) == ()
    assert compare_upstream(run("passed"), run()) == ()


def test_a_report_is_read_back(tmp_path: Path) -> None:
    assert read_upstream(tmp_path) is None
    (tmp_path / UPSTREAM_FILE).write_text(to_json(run("passed", plain=True)))
    assert read_upstream(tmp_path) == run("passed", plain=True)
    (tmp_path / UPSTREAM_FILE).write_text("{")
    with pytest.raises(InputError, match="upstream"):
        read_upstream(tmp_path)
