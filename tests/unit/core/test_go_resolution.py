"""Who names the Go version: upstream's precedence, and the report of every input."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.go_resolution import Mode, Outcome, Resolution, VersionFile, go_mod_version, resolve
from pipeline.core.go_version import GoVersion
from pipeline.errors import InputError

FILE = VersionFile("/src/.go-version", b"1.26.10\n")
ABSENT = VersionFile("/src/.go-version")


def won(resolution: Resolution) -> str:
    (name,) = [step.name for step in resolution.steps if step.outcome is Outcome.WON]
    return name


@pytest.mark.parametrize(
    ("environment", "winner", "mode", "version", "gotoolchain"),
    [
        ({}, ".go-version", Mode.EXACT, GoVersion(26, 10), "go1.26.10"),
        ({"GO_VERSION": "1.25.9"}, "GO_VERSION", Mode.EXACT, GoVersion(25, 9), "go1.25.9"),
        ({"GO_VERSION": ""}, ".go-version", Mode.EXACT, GoVersion(26, 10), "go1.26.10"),
        ({"GO_VERSION": "1.25.9", "FORCE_HOST_GO": "y"}, "FORCE_HOST_GO", Mode.HOST, None, "local"),
        ({"FORCE_HOST_GO": ""}, ".go-version", Mode.EXACT, GoVersion(26, 10), "go1.26.10"),
        ({"GOTOOLCHAIN": "go1.24.12", "FORCE_HOST_GO": "y"}, "GOTOOLCHAIN", Mode.EXACT, GoVersion(24, 12), "go1.24.12"),
        (
            {"GOTOOLCHAIN": "go1.24.12", "GO_VERSION": "devel"},
            "GOTOOLCHAIN",
            Mode.EXACT,
            GoVersion(24, 12),
            "go1.24.12",
        ),
        ({"GOTOOLCHAIN": "auto"}, ".go-version", Mode.EXACT, GoVersion(26, 10), "go1.26.10"),
        ({"GOTOOLCHAIN": ""}, ".go-version", Mode.EXACT, GoVersion(26, 10), "go1.26.10"),
        ({"GOTOOLCHAIN": "go1.26.3+auto"}, "GOTOOLCHAIN", Mode.AT_LEAST, GoVersion(26, 3), "go1.26.3+auto"),
        ({"GOTOOLCHAIN": "go1.26.3+path"}, "GOTOOLCHAIN", Mode.AT_LEAST, GoVersion(26, 3), "go1.26.3+path"),
        ({"GOTOOLCHAIN": "local"}, "GOTOOLCHAIN", Mode.LOCAL, GoVersion(26, 10), "local"),
        ({"GOTOOLCHAIN": "path"}, "GOTOOLCHAIN", Mode.LOCAL, GoVersion(26, 10), "path"),
        ({"GOTOOLCHAIN": "local+auto"}, "GOTOOLCHAIN", Mode.LOCAL, GoVersion(26, 10), "local+auto"),
        ({"GOTOOLCHAIN": "local", "GO_VERSION": "1.25.9"}, "GOTOOLCHAIN", Mode.LOCAL, GoVersion(25, 9), "local"),
    ],
)
def test_precedence_is_upstreams(
    environment: dict[str, str], winner: str, mode: Mode, version: GoVersion | None, gotoolchain: str
) -> None:
    resolution = resolve(environment, FILE)
    assert (won(resolution), resolution.mode, resolution.version) == (winner, mode, version)
    assert resolution.gotoolchain == gotoolchain
    assert resolution.source.startswith(winner)


def test_the_command_line_is_strongest() -> None:
    resolution = resolve({"GOTOOLCHAIN": "go1.24.12", "GO_VERSION": "devel"}, FILE, option="1.25.9")
    assert (won(resolution), str(resolution.version)) == ("--go-version", "1.25.9")


def test_the_file_is_needed_only_when_nothing_else_names_a_version() -> None:
    assert str(resolve({"GO_VERSION": "1.25.9"}, ABSENT).version) == "1.25.9"
    assert resolve({"FORCE_HOST_GO": "1"}, ABSENT).version is None
    with pytest.raises(InputError, match="nothing says which Go version") as caught:
        resolve({}, ABSENT)
    assert caught.value.where == "/src/.go-version"


def test_a_file_that_cannot_be_used_matters_only_when_it_is_needed() -> None:
    file = VersionFile("/src/.go-version", problem=InputError("a symbolic link"))
    assert str(resolve({"GO_VERSION": "1.25.9"}, file).version) == "1.25.9"
    for environment in ({}, {"GOTOOLCHAIN": "local"}):
        with pytest.raises(InputError, match="a symbolic link"):
            resolve(environment, file)


@pytest.mark.parametrize("environment", [{"GO_VERSION": "devel"}, {"GO_VERSION": "devel", "FORCE_HOST_GO": "y"}])
def test_devel_is_refused_with_the_reason(environment: dict[str, str]) -> None:
    with pytest.raises(InputError, match="checksum database") as caught:
        resolve(environment, FILE)
    assert caught.value.seen == "devel"


@pytest.mark.parametrize(
    ("environment", "where"),
    [
        ({"GO_VERSION": "1.26.3\nFOO=bar"}, "GO_VERSION in the environment"),
        ({"GO_VERSION": "auto"}, "GO_VERSION in the environment"),
        ({"GOTOOLCHAIN": "go1.999999-/run.sh"}, "GOTOOLCHAIN in the environment"),
        ({"GOTOOLCHAIN": "go1.26"}, "GOTOOLCHAIN in the environment"),
        ({"GOTOOLCHAIN": "1.26.3"}, "GOTOOLCHAIN in the environment"),
        ({"GOTOOLCHAIN": "go1.26.3+never"}, "GOTOOLCHAIN in the environment"),
        ({"GOTOOLCHAIN": "go1.26.3+auto\n"}, "GOTOOLCHAIN in the environment"),
        ({"GOTOOLCHAIN": "local+"}, "GOTOOLCHAIN in the environment"),
        ({"GOTOOLCHAIN": "../go"}, "GOTOOLCHAIN in the environment"),
        ({"GOTOOLCHAIN": "local", "GO_VERSION": "x"}, "GO_VERSION in the environment"),
    ],
)
def test_a_bad_winner_is_refused_with_its_place(environment: dict[str, str], where: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(environment, FILE)
    assert caught.value.where == where


def test_every_input_is_reported_strongest_first() -> None:
    steps = resolve({"GOTOOLCHAIN": "auto", "GO_VERSION": "1.25.9"}, FILE).steps
    assert [(step.name, step.value, step.outcome) for step in steps] == [
        ("--go-version", None, Outcome.NOT_SET),
        ("GOTOOLCHAIN", "auto", Outcome.NOT_SET),
        ("FORCE_HOST_GO", None, Outcome.NOT_SET),
        ("GO_VERSION", "1.25.9", Outcome.WON),
        (".go-version", "1.26.10", Outcome.LOST),
    ]
    assert steps[-1].where == "/src/.go-version"
    assert steps[-1].reason == "GO_VERSION is stronger"


def test_a_local_toolchain_names_what_it_has_to_agree_with() -> None:
    outcomes = {step.name: step.outcome for step in resolve({"GOTOOLCHAIN": "local"}, FILE).steps}
    assert outcomes[".go-version"] is Outcome.WANTED


@pytest.mark.parametrize(
    ("gotoolchain", "found", "accepted"),
    [
        ("go1.26.3", GoVersion(26, 3), True),
        ("go1.26.3", GoVersion(26, 4), False),
        ("go1.26.3+auto", GoVersion(26, 3), True),
        ("go1.26.3+auto", GoVersion(26, 12), True),
        ("go1.26.3+auto", GoVersion(26, 2), False),
        ("local", GoVersion(26, 10), True),
        ("local", GoVersion(26, 11), False),
    ],
)
def test_what_go_reports_is_judged_by_the_mode(gotoolchain: str, found: GoVersion, accepted: bool) -> None:
    assert resolve({"GOTOOLCHAIN": gotoolchain}, FILE).accepts(found) is accepted


def test_the_machines_go_is_taken_as_it_is_when_forced() -> None:
    resolution = resolve({"FORCE_HOST_GO": "y"}, FILE)
    assert resolution.uses_machine_go
    assert resolution.accepts(GoVersion(1, 1))


def resolved_or_refused(environment: dict[str, str]) -> Resolution | InputError:
    try:
        return resolve(environment, FILE)
    except InputError as error:
        return error


_texts = st.one_of(st.sampled_from(["", "auto", "local", "devel", "go1.26.3", "1.25.9", "go1.26.3+auto"]), st.text())


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(["GOTOOLCHAIN", "GO_VERSION", "FORCE_HOST_GO"], _texts)))
def test_any_environment_gives_one_winner_or_one_input_error(environment: dict[str, str]) -> None:
    resolution = resolved_or_refused(environment)
    if isinstance(resolution, InputError):
        assert resolution.where
        return
    assert won(resolution) in resolution.source
    assert resolution.gotoolchain.isascii()
    assert not set(resolution.gotoolchain) & set(" /\n-")


def test_where_go_mod_stands_in_each_file_has_a_row_of_its_own() -> None:
    found = go_mod_version("module x\n\ngo 1.26.0\n\ntoolchain go1.26.7\n", "repo/go.mod")
    assert found is not None
    rows = [(step.name, step.value, step.outcome.value, step.where) for step in resolve({}, found).steps][-2:]
    assert rows == [(".go-version", None, "not set", "repo/.go-version"), ("go.mod", "1.26.7", "won", "repo/go.mod")]
