from __future__ import annotations

from dataclasses import replace

import junitparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.result import Level, Outcome, Proof, RunReport, ScenarioResult, Subject
from pipeline.report.junit import RUN_CASE, case_name, junit_xml, legal
from tests.unit.report.sample import sample_run

# Everything that a str can hold, lone surrogates and control characters included.
wild = st.text(st.characters())


def parsed(run: RunReport) -> junitparser.TestSuite:
    (suite,) = junitparser.JUnitXml.fromstring(junit_xml(run))
    assert isinstance(suite, junitparser.TestSuite)
    return suite


def cases(run: RunReport) -> dict[str, junitparser.TestCase]:
    return {str(case.name).split(" ", 1)[0]: case for case in parsed(run)}


def test_counts_and_properties_of_the_run() -> None:
    suite = parsed(sample_run())
    assert (suite.name, suite.tests, suite.failures, suite.errors, suite.skipped) == ("kms-e2e", 23, 2, 1, 3)
    assert suite.time == 78.0
    properties = {item.get("name"): item.get("value") for item in suite._elem.find("properties")}
    assert properties["conformance"] == "not conformant"
    assert properties["kubernetes"] == "v1.37.2"
    assert properties["go_version_source"] == ".go-version"
    assert len(properties["plugin_sha256"]) == 64


def test_names_are_sorted_and_the_same_whatever_the_outcome() -> None:
    names = [case.name for case in parsed(sample_run())]
    assert names == sorted(names)
    assert names == [case.name for case in parsed(sample_run(healthy=True))]
    assert names[0] == "A01 The socket appears after start and is not world-writable"


def test_a_failure_has_its_text_once_and_no_message() -> None:
    (failure,) = cases(sample_run())["A07"].result
    assert isinstance(failure, junitparser.Failure)
    assert failure.message is None
    assert failure.text.count("both ciphertexts are equal: saw") == 1
    assert "observed: 1 distinct ciphertext of 2\n  wanted:   2" in failure.text
    assert failure.text.endswith("again: kms-e2e run --id A07")


def test_a_probed_plugin_is_probed_again() -> None:
    run = replace(sample_run(), plugin="unix:///run/my plugin.sock")
    (failure,) = cases(run)["A07"].result
    assert failure.text.endswith("again: kms-e2e probe 'unix:///run/my plugin.sock'")


def test_what_could_not_be_judged_is_an_error() -> None:
    (error,) = cases(sample_run())["B26"].result
    assert isinstance(error, junitparser.Error)
    assert error.message is None
    assert "kube-apiserver exited with code 1" in error.text


def test_not_run_is_skipped_with_its_reason() -> None:
    (skipped,) = cases(sample_run())["A04"].result
    assert isinstance(skipped, junitparser.Skipped)
    assert skipped.message == "hook missing: break_backend"
    assert not skipped.text


def test_what_passed_has_properties_and_no_output() -> None:
    case = cases(sample_run())["A05"]
    assert case.result == []
    assert (case.system_out, case.system_err) == (None, None)
    assert {item.get("name"): item.get("value") for item in case._elem.iter("property")} == {
        "id": "A05", "level": "MUST", "subject": "plugin", "source": "KEP-3299",
    }  # fmt: skip
    assert case.classname == "kms-e2e.A"


def test_a_whole_run_has_no_case_of_its_own() -> None:
    assert RUN_CASE not in [case.name for case in parsed(sample_run())]


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (replace(sample_run(healthy=True), interrupted=True), "the run was interrupted"),
        (replace(sample_run(), scenarios=()), "the run judged no scenario"),
        (
            replace(sample_run(), scenarios=tuple(s for s in sample_run().scenarios if s.outcome is Outcome.NOT_RUN)),
            "the run judged no scenario; not run: A04, D41, D46",
        ),
    ],
)
def test_a_run_that_is_no_result_is_never_green(run: RunReport, why: str) -> None:
    suite = parsed(run)
    (case,) = [case for case in suite if case.name == RUN_CASE]
    (error,) = case.result
    assert isinstance(error, junitparser.Error)
    assert why in error.text
    assert suite.errors == 1


@given(wild, wild, wild, st.sampled_from(Outcome))
def test_any_text_makes_xml_that_can_be_read(title: str, reason: str, observed: str, outcome: Outcome) -> None:
    proofs = (Proof(title, observed, reason, holds=False),)
    scenario = ScenarioResult(
        "A01", title, "A", Level.MUST, reason, Subject.PLUGIN, outcome, reason, proofs, known_issue=observed
    )
    run = replace(sample_run(), scenarios=(scenario,), host=reason, plugin=title)
    case = next(case for case in parsed(run) if case.name != RUN_CASE)
    # Attributes and element text keep every character but the line ends, which XML makes \n.
    assert _lines(str(case.name)) == _lines(case_name(scenario))
    if outcome in (Outcome.FAILED, Outcome.ERROR) and reason:
        assert _lines(legal(reason)) in _lines(case.result[0].text)


@given(wild)
def test_what_xml_cannot_hold_is_shown_and_the_rest_untouched(text: str) -> None:
    assert legal(legal(text)) == legal(text)
    assert legal("ä <&> \t\n 😀") == "ä <&> \t\n 😀"
    assert legal("\x1b[0m\x00\ud800\uffff") == "\\x1b[0m\\x00\\ud800\\uffff"


def test_the_same_run_gives_the_same_bytes() -> None:
    run = sample_run()
    shuffled = replace(run, scenarios=tuple(reversed(run.scenarios)))
    assert junit_xml(run) == junit_xml(sample_run()) == junit_xml(shuffled)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
