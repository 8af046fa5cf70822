"""Each option of `kms-e2e run` belongs to suites; given to another one it is refused by its name, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli.run import run
from pipeline.cli.suites import OPTIONS, Suite
from pipeline.errors import InputError

FILE = Path(__file__)
VALUES = {
    "--id": "A05",
    "--family": "A",
    "--shard": "1/4",
    "--scenarios": str(FILE),
    "--label-filter": "x",
    "--report-prefix": "x",
    "--kubeconfig": str(FILE),
    "--skip": "x",
    "--parallel": "4",
}
FOREIGN = [(name, suite) for name, suites in OPTIONS.items() for suite in Suite if suite not in suites]
app = typer.Typer()
app.command()(run)


def words(name: str) -> tuple[str, ...]:
    return (name, VALUES[name]) if name in VALUES else (name,)


@pytest.mark.parametrize(("name", "suite"), FOREIGN)
def test_an_option_of_another_suite_is_refused(name: str, suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.cli.run.choose", lambda *_: pytest.fail("went on to the work"))
    error = CliRunner().invoke(app, ["--suite", suite, *words(name)]).exception
    assert isinstance(error, InputError)
    assert (error.what, error.seen) == (f"the suite {suite} does not take these options", name)
    assert all(f"--suite {other}" in str(error.wanted) or f"or {other}" in str(error.wanted) for other in OPTIONS[name])


@pytest.mark.parametrize("suite", Suite)
def test_its_own_options_are_taken(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    def went_on(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr("pipeline.cli.run.choose", went_on)
    own = [word for name in OPTIONS if suite in OPTIONS[name] for word in words(name)]
    result = CliRunner().invoke(app, ["--suite", suite, "--focus", "x", "--run-id", "7", *own])
    assert isinstance(result.exception, InterruptedError)


def test_every_option_of_the_table_is_one_of_the_command() -> None:
    command = typer.main.get_command(app)
    assert set(OPTIONS) <= {parameter.opts[0] for parameter in command.params}


@pytest.mark.parametrize("name", ["--plain", "--verify-list"])
def test_a_cluster_of_the_users_takes_no_option_of_our_own_one(name: str) -> None:
    error = CliRunner().invoke(app, ["--suite", "upstream", "--kubeconfig", str(FILE), name]).exception
    assert isinstance(error, InputError)
    assert error.what == f"{name} and --kubeconfig exclude each other"
