from __future__ import annotations

import dataclasses
import itertools
from collections import Counter

import pytest

from pipeline.core.result import Level, NotRun, Outcome, ScenarioResult, Subject
from pipeline.suite.collection import collect
from tests.e2e.mutants.catalogue import Mutant, mutants
from tests.e2e.mutants.table import problems, table, verdicts
from tests.e2e.twins.breaks import Sabotage

MUTANT = Mutant("B19", 1, "etcd: the value is lost", "GET after create", Sabotage())


def result(outcome: Outcome, reason: str = "") -> ScenarioResult:
    return ScenarioResult("B19", "t", "B", Level.MUST, "s", Subject.PLUGIN, outcome, reason)


HEALTHY = {"B19": result(Outcome.PASSED)}


@pytest.mark.parametrize(
    ("outcome", "reason", "killed", "seen"),
    [
        (Outcome.FAILED, "GET after create: saw HTTP 404", True, "GET after create: saw HTTP 404"),
        (Outcome.FAILED, "create: saw HTTP 500", False, "failed otherwise: create: saw HTTP 500"),
        (Outcome.PASSED, "", False, "passed"),
        (Outcome.ERROR, "setup: GET after create", False, "error: setup: GET after create"),
    ],
)
def test_a_mutant_is_killed_by_the_proof_alone(outcome: Outcome, reason: str, killed: bool, seen: str) -> None:
    verdict = verdicts([MUTANT], HEALTHY, {"B19-2": result(outcome, reason)})[0]
    assert (verdict.killed, verdict.seen) == (killed, seen)


@pytest.mark.parametrize(
    ("healthy", "survived"),
    [
        ({}, False),
        ({"B19": result(Outcome.NOT_RUN, NotRun.NEEDS_ARCHITECTURE)}, False),
        ({"B19": result(Outcome.FAILED, "x")}, True),
    ],
)
def test_nothing_is_killed_where_the_healthy_plugin_does_not_pass(
    healthy: dict[str, ScenarioResult], survived: bool
) -> None:
    dead = {"B19-2": result(Outcome.FAILED, "GET after create: saw HTTP 404")}
    verdict = verdicts([MUTANT], healthy, dead)[0]
    assert (verdict.killed, verdict.survived) == (False, survived)


def test_the_table_names_survivors_and_what_is_short_of_two() -> None:
    survivor = dataclasses.replace(MUTANT, number=2)
    results = {"B19-2": result(Outcome.FAILED, "GET after create: a|b"), "B19-3": result(Outcome.PASSED)}
    catalogue = [item for item in collect() if item.entry.id == "B19"]
    text = table(verdicts([MUTANT, survivor], HEALTHY, results), catalogue, [])
    assert "1 of 2 mutants killed" in text
    assert "- B19-3 (etcd: the value is lost): passed" in text
    assert "fewer than two killed mutants, of 1: B19 (1)." in text
    assert "| B19-2 | etcd: the value is lost | GET after create | GET after create: a\\|b |" in text


DEAD = result(Outcome.FAILED, "GET after create: saw HTTP 404")
CATALOGUE = [item for item in collect() if item.entry.id == "B19"]


@pytest.mark.parametrize(
    ("healthy", "results", "wanted"),
    [
        ({}, {}, ["1 have no verdict: B19-2"]),
        (HEALTHY, {}, ["1 have no verdict: B19-2"]),
        ({}, {"B19-2": DEAD}, ["1 have no verdict: B19-2"]),
        ({"B19": result(Outcome.NOT_RUN, NotRun.HOOK_MISSING)}, {"B19-2": DEAD}, ["1 have no verdict: B19-2"]),
        ({"B19": result(Outcome.NOT_RUN, f"{NotRun.NEEDS_ARCHITECTURE}: qemu")}, {}, []),
        ({"B19": result(Outcome.FAILED, "x")}, {"B19-2": DEAD}, ["1 survived: B19-2"]),
        (HEALTHY, {"B19-2": result(Outcome.PASSED)}, ["1 survived: B19-2"]),
        (HEALTHY, {"B19-2": DEAD}, []),
    ],
)
def test_a_sample_succeeds_when_each_mutant_was_judged_and_killed(
    healthy: dict[str, ScenarioResult], results: dict[str, ScenarioResult], wanted: list[str]
) -> None:
    assert problems(verdicts([MUTANT], healthy, results), CATALOGUE, sampled=True) == wanted


def test_all_mutants_succeed_when_no_must_is_short() -> None:
    third = dataclasses.replace(MUTANT, number=2)
    short = "1 MUSTs have fewer than two killed mutants: B19 (1)"
    assert problems(verdicts([MUTANT], HEALTHY, {"B19-2": DEAD}), CATALOGUE, sampled=False) == [short]
    both = verdicts([MUTANT, third], HEALTHY, {"B19-2": DEAD, "B19-3": DEAD})
    assert problems(both, CATALOGUE, sampled=False) == []
    absent = verdicts([MUTANT], {"B19": result(Outcome.NOT_RUN, NotRun.NEEDS_ARCHITECTURE)}, {})
    assert problems(absent, CATALOGUE, sampled=False) == []


def test_scenarios_that_fail_with_the_healthy_plugin_are_not_counted_as_passing() -> None:
    text = table(verdicts([MUTANT], {"B19": result(Outcome.FAILED, "x")}, {"B19-2": DEAD}), CATALOGUE, [])
    assert "advance, in 0 scenarios that pass with the healthy plugin and the same binaries." in text


def test_every_scenario_has_a_mutant_and_no_two_are_the_same() -> None:
    catalogue = collect()
    found = mutants(catalogue)
    assert {mutant.scenario for mutant in found} == {item.entry.id for item in catalogue}
    names = Counter((mutant.scenario, mutant.breaks) for mutant in found)
    assert [name for name, count in names.items() if count > 1] == []
    for mutant in found:
        assert mutant.sabotage != Sabotage()
    for first, second in itertools.combinations(found, 2):
        assert first.scenario != second.scenario or first.sabotage != second.sabotage, f"{first.name} {second.name}"


def test_every_must_has_two_mutants() -> None:
    catalogue = collect()
    counts = Counter(mutant.scenario for mutant in mutants(catalogue))
    musts = [item.entry.id for item in catalogue if item.entry.level is Level.MUST]
    assert [name for name in musts if counts[name] < 2] == []


def test_what_was_never_run_is_neither_killed_nor_a_survivor() -> None:
    verdict = verdicts([MUTANT], HEALTHY, {})[0]
    assert (verdict.killed, verdict.survived, verdict.seen) == (False, False, "no result")


def test_mutants_of_a_scenario_that_say_the_same_are_listed() -> None:
    second, third = (dataclasses.replace(MUTANT, number=number) for number in (2, 3))
    results = {
        "B19-2": result(Outcome.FAILED, "GET after create: saw HTTP 404, wanted HTTP 200"),
        "B19-3": result(Outcome.FAILED, "GET after create: saw HTTP 500, wanted HTTP 200"),
        "B19-4": result(Outcome.FAILED, "the second GET after create: saw HTTP 404, wanted HTTP 200"),
    }
    text = table(verdicts([MUTANT, second, third], HEALTHY, results), [], [])
    alike = text.partition("## Killed by what also kills")[2].partition("## Killed")[0]
    assert "- B19-3 " in alike
    assert "B19-2" not in alike
    assert "B19-4" not in alike
