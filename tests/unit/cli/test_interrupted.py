"""Ctrl-C gives one word and exit code 2, wherever it comes; only a run that has begun has its report and code 1."""

from __future__ import annotations

import sys

import pytest

from pipeline import cli
from pipeline.cli import app
from pipeline.suite import collection


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_command_that_is_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("pipeline.cli.doctor.examine", interrupt)
    assert app.run(["doctor"]) == 2
    assert capsys.readouterr().err == "interrupted\n"


def test_an_interruption_while_the_command_line_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupting:
        def __getattr__(self, _name: str) -> None:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "pipeline.cli.app", Interrupting())
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (ended.value.code, capsys.readouterr().err) == (2, "interrupted\n")


def test_an_interruption_while_scenarios_are_collected_is_no_wrong_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytest, "main", lambda *_, **__: pytest.ExitCode.INTERRUPTED)
    with pytest.raises(KeyboardInterrupt):
        collection.collect()
