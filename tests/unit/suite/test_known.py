from __future__ import annotations

import pytest

from pipeline.suite import known
from pipeline.suite.known import KnownIssue, prove
from pipeline.suite.scenario import ProofRecorder, ScenarioFailed

ISSUE = KnownIssue("https://example.com/1", promised="it stops", instead="it goes on", since=(1, 34), until=(1, 37))
ENTRIES = {name: entry for name, entry in vars(known).items() if isinstance(entry, KnownIssue)}


@pytest.mark.parametrize(("version", "affected"), [((1, 33), False), ((1, 34), True), ((1, 37), True), ((2, 0), False)])
def test_an_issue_has_a_range_of_minor_versions(version: tuple[int, int], affected: bool) -> None:
    assert ISSUE.affects(version) is affected


def test_an_open_issue_affects_every_later_version() -> None:
    assert KnownIssue("https://example.com/1", "a", "b", since=(1, 34)).affects((2, 0))


def test_the_known_observation_passes_and_names_the_issue() -> None:
    proof = ProofRecorder()
    prove(proof, "writes", ISSUE, (1, 36), "it goes on")
    assert proof.known_issue == ISSUE.url
    assert [fact.holds for fact in proof.proofs] == [True]


def test_an_unexpected_fix_fails_and_says_so() -> None:
    proof = ProofRecorder()
    with pytest.raises(ScenarioFailed, match=r"it stops: https://example.com/1 is no longer seen in 1\.36"):
        prove(proof, "writes", ISSUE, (1, 36), "it stops")
    assert proof.known_issue == ""


def test_anything_else_fails() -> None:
    proof = ProofRecorder()
    with pytest.raises(ScenarioFailed, match="it explodes"):
        prove(proof, "writes", ISSUE, (1, 36), "it explodes")
    assert proof.known_issue == ""


def test_outside_the_range_the_promise_is_wanted() -> None:
    proof = ProofRecorder()
    prove(proof, "writes", ISSUE, (1, 38), "it stops")
    assert proof.known_issue == ""
    with pytest.raises(ScenarioFailed, match="it goes on"):
        prove(proof, "writes", ISSUE, (1, 38), "it goes on")


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_an_entry_takes_its_one_observation_and_nothing_else(entry: KnownIssue) -> None:
    last = entry.until or entry.since
    assert entry.url.startswith("https://github.com/kubernetes/")
    for version in (entry.since, last):
        prove(ProofRecorder(), "it", entry, version, entry.instead)
        with pytest.raises(ScenarioFailed, match="is no longer seen"):
            prove(ProofRecorder(), "it", entry, version, entry.promised)
        for other in ("", f"{entry.instead}.", "HTTP 503"):
            with pytest.raises(ScenarioFailed, match="known in"):
                prove(ProofRecorder(), "it", entry, version, other)


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES.values() if entry.until], ids=lambda entry: entry.url)
def test_after_its_last_version_an_entry_excuses_nothing(entry: KnownIssue) -> None:
    assert entry.until is not None
    after = (entry.until[0], entry.until[1] + 1)
    prove(ProofRecorder(), "it", entry, after, entry.promised)
    with pytest.raises(ScenarioFailed):
        prove(ProofRecorder(), "it", entry, after, entry.instead)
