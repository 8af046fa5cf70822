"""Every one of the 63 checks is in a report: as a scenario of its id, else as *not run* with a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.core.plugin_spec import HOOKS
from pipeline.core.result import FAMILIES, NotRun, Outcome
from pipeline.suite.collection import collect
from pipeline.suite.scenario import Scenario
from pipeline.suite.unbuilt import CHECKS, unbuilt

PRESENT = {item.entry.id for item in collect()}
NUMBER = re.compile(r"([A-F])(\d\d)")
CHECKS_IN_ALL = 63


def test_the_list_has_each_check_once() -> None:
    numbers = [int(found[2]) for name, _, _ in CHECKS if (found := NUMBER.fullmatch(name))]
    assert numbers == list(range(1, CHECKS_IN_ALL + 1))
    assert {name[0] for name, _, _ in CHECKS} == set(FAMILIES)


def test_no_check_has_lost_its_scenario() -> None:
    assert {(result.id, result.reason) for result in unbuilt(PRESENT)} == {("D47", NotRun.NEEDS_NODE)}


def test_run_and_not_run_are_all_checks_without_overlap() -> None:
    absent = {result.id for result in unbuilt(PRESENT)}
    checklist = {name for name, _, _ in CHECKS}
    assert not absent & PRESENT
    assert absent | (PRESENT & checklist) == checklist


def test_a_scenario_with_a_number_of_the_checklist_has_its_letter() -> None:
    letters = {name[1:]: name[0] for name, _, _ in CHECKS}
    stray = {name for name in PRESENT if name[0] != letters.get(name[1:3], name[0])}
    assert not stray


def test_a_check_without_a_scenario_says_why() -> None:
    results = unbuilt(set())
    assert len(results) == len(CHECKS)
    assert all(result.outcome is Outcome.NOT_RUN and result.reason and result.title for result in results)
    assert unbuilt({name for name, _, _ in CHECKS}) == []


@pytest.mark.parametrize("entry", [item.entry for item in collect()], ids=lambda entry: entry.id)
def test_a_source_is_a_text_that_a_reader_can_find(entry: Scenario) -> None:
    assert entry.source
    assert not re.search(r"catalogue|checklist|reference text|design\.md", entry.source)


def test_every_hook_is_documented_with_the_scenarios_that_need_it() -> None:
    text = (Path(__file__).parents[2] / "docs" / "plugin-authors.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for hook in HOOKS:
        assert any(f"`{hook}`" in row.split("|")[1] for row in rows), hook
    for item in collect():
        for hook in set(item.entry.hooks) - {"rotate"}:
            assert any(f"`{hook}`" in row.split("|")[1] and item.entry.id in row for row in rows), (item.entry.id, hook)


def test_a_failure_seen_in_the_wild_names_scenarios_that_exist() -> None:
    text = (Path(__file__).parents[2] / "docs" / "failures.md").read_text()
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| ")][1:]
    for _, failure, _, scenarios, _ in rows:
        ids = re.findall(r"\b[A-F]\d\d[a-z]?\b", scenarios)
        assert ids or "none" in scenarios or "soak" in scenarios, failure
        assert set(ids) <= PRESENT, failure
