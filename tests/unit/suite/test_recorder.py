from __future__ import annotations

from types import SimpleNamespace

import pytest

from pipeline.core.result import Outcome
from pipeline.suite.recorder import _judge


def judged(source: str, file: str) -> tuple[Outcome, str]:
    """Judge an exception that a file of this name raised in a scenario's call."""
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever it is
        exec(compile(source, file, "exec"), {})
    return _judge(SimpleNamespace(when="call"), caught)  # type: ignore[arg-type] # all it looks at


def test_a_scenario_that_was_cut_off_could_not_be_judged() -> None:
    outcome, reason = judged("assert False", "/somewhere/pytest_timeout.py")
    assert outcome is Outcome.ERROR
    assert "its deadline is over (test_recorder.py:" in reason


def test_an_assertion_without_words_says_where_it_stands() -> None:
    assert judged("assert False", "library.py") == (Outcome.FAILED, "AssertionError (library.py:1)")


def test_a_proof_says_what_it_says() -> None:
    assert judged("raise AssertionError('saw 1, wanted 2')", "x.py") == (Outcome.FAILED, "saw 1, wanted 2")
