from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.result import (
    Event,
    Latency,
    Level,
    Outcome,
    Proof,
    RunReport,
    ScenarioResult,
    Subject,
    from_json,
    to_json,
)
from pipeline.errors import InputError

RESULT = ScenarioResult("A01", "a title", "A", Level.MUST, "KEP-3299", Subject.PLUGIN, Outcome.PASSED)
RUN = RunReport("run", "0.1.0", 1.0, 2.0, "reference", "v1.37.2", "1.26.10", ".go-version", 0)

texts = st.text(st.characters(codec="utf-8"))
moments = st.floats(0, 1e10)
results = st.builds(
    ScenarioResult,
    id=texts,
    reason=texts,
    level=st.sampled_from(Level),
    subject=st.sampled_from(Subject),
    outcome=st.sampled_from(Outcome),
    proofs=st.lists(st.builds(Proof, texts, texts, texts, st.booleans())).map(tuple),
    latencies=st.lists(st.builds(Latency, texts, st.lists(moments).map(tuple))).map(tuple),
    started_at=moments,
    duration_s=moments,
)


@given(results)
def test_a_result_survives_json(result: ScenarioResult) -> None:
    text = to_json(result)
    assert "\n" not in text
    assert from_json(ScenarioResult, text, where="here") == result


def test_a_report_survives_json_with_everything_in_it() -> None:
    run = replace(RUN, scenarios=(RESULT,), planned=("A01",), events=(Event(1.5, "p", "etcd", "ready"),), notes=("n",))
    assert from_json(RunReport, to_json(run, indent=2), where="here") == run


def test_a_whole_number_is_read_as_seconds() -> None:
    assert from_json(Event, '{"at": 3, "plane": "p", "component": "c", "what": "w"}', where="here").at == 3.0


def test_a_field_of_a_later_release_is_passed_over() -> None:
    document = json.loads(to_json(RESULT)) | {"colour": "blue"}
    assert from_json(ScenarioResult, json.dumps(document), where="here") == RESULT


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", None),
        ("id", 5),
        ("outcome", "maybe"),
        ("started_at", "noon"),
        ("started_at", True),
        ("proofs", "all hold"),
        ("proofs", [{"name": "n", "observed": "o", "wanted": "w", "holds": 1}]),
        ("proofs", ["n"]),
    ],
)
def test_a_value_of_another_type_is_refused(field: str, value: object) -> None:
    document = json.loads(to_json(RESULT)) | {field: value}
    with pytest.raises(InputError, match="not a ScenarioResult") as caught:
        from_json(ScenarioResult, json.dumps(document), where="line 3")
    assert caught.value.where == "line 3"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"id": "A01"}'])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a ScenarioResult"):
        from_json(ScenarioResult, text, where="here")


def test_another_schema_version_is_refused_with_the_next_step() -> None:
    document = json.loads(to_json(RUN)) | {"schema_version": 2}
    with pytest.raises(InputError, match="another schema version") as caught:
        from_json(RunReport, json.dumps(document), where="here")
    assert (caught.value.seen, caught.value.wanted) == ("2", "1")
    assert caught.value.next_step


def test_only_records_become_json() -> None:
    with pytest.raises(TypeError, match="not a record"):
        to_json("text")
    with pytest.raises(TypeError, match="not a record"):
        to_json(RunReport)


def test_outcomes_are_counted() -> None:
    run = replace(RUN, scenarios=(RESULT, replace(RESULT, id="A02", outcome=Outcome.ERROR)))
    assert [run.count(outcome) for outcome in Outcome] == [1, 0, 1, 0]
