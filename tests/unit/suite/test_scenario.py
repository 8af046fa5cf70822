from __future__ import annotations

import pytest

from pipeline.core.result import Level, Subject
from pipeline.errors import InputError
from pipeline.suite.scenario import ProofRecorder, Scenario, ScenarioFailed, Twin, scenario


def entry(name: str, source: str = "api.proto") -> Scenario:
    twin = Twin(breaks="it", reason="it")
    return Scenario(id=name, title="t", level=Level.MUST, source=source, subject=Subject.PLUGIN, twin=twin)


@pytest.mark.parametrize("name", ["", "A", "A1", "1A", "a01", "A0001", "A01 ", "Ä01", "AB01", "A01bc"])
def test_an_id_outside_the_grammar_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="not a scenario id"):
        scenario(entry(name))


def test_a_must_names_its_source() -> None:
    with pytest.raises(InputError, match="names the text it comes from"):
        scenario(entry("A01", source=""))


def test_the_decorator_marks_group_and_deadline() -> None:
    @scenario(entry("A01"))
    def function() -> None:
        """Do nothing."""

    marks = {mark.name: mark.args for mark in function.pytestmark}  # type: ignore[attr-defined] # pytest puts it there
    assert marks["scenario"][0].id == "A01"
    assert marks["xdist_group"] == ("A01",)
    assert marks["timeout"] == (60.0,)


def test_a_fact_that_holds_is_recorded() -> None:
    proof = ProofRecorder()
    proof.that("version", observed="v2", wanted="v2")
    assert [(fact.name, fact.observed, fact.holds) for fact in proof.proofs] == [("version", "v2", True)]


def test_a_fact_that_does_not_hold_is_recorded_and_fails() -> None:
    proof = ProofRecorder()
    with pytest.raises(ScenarioFailed, match="version: saw v1, wanted v2"):
        proof.that("version", observed="v1", wanted="v2")
    assert [fact.holds for fact in proof.proofs] == [False]


def test_holds_decides_where_equality_cannot() -> None:
    proof = ProofRecorder()
    proof.that("count", observed=3, wanted="> 0", holds=True)
    with pytest.raises(ScenarioFailed):
        proof.that("count", observed=0, wanted="> 0", holds=False)
