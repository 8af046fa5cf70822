from __future__ import annotations

import pytest

from pipeline.core.result import NotRun
from pipeline.suite import run
from pipeline.suite.selection import Selection
from tests.unit.suite.test_selection import entry


@pytest.mark.parametrize(
    ("selection", "soak", "planned", "reason"),
    [
        (Selection(), True, False, NotRun.SOAK),
        (Selection(soak=True, families=("A",)), True, False, NotRun.NOT_SELECTED),
        (Selection(fast=True), False, False, NotRun.NOT_SELECTED),
        (Selection(), False, True, NotRun.INTERRUPTED),
    ],
)
def test_what_is_not_run_has_its_reason(selection: Selection, soak: bool, planned: bool, reason: NotRun) -> None:
    assert run._why_not(entry("D79", soak=soak), selection, planned=planned) is reason
