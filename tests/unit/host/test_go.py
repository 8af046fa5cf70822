"""What a selected Go reports is asserted, before and after compiling."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.core.go_resolution import VersionFile, resolve
from pipeline.core.go_version import GoVersion
from pipeline.errors import BuildError, InputError
from pipeline.host import go as module
from pipeline.host.bootstrap import GoProgram
from pipeline.host.command import Command, Finished
from pipeline.host.go import Workplace, asked_go, exact_go

FILE = VersionFile("/src/.go-version", b"1.26.10")
Answer = Callable[[str], Path]


@pytest.fixture
def program(tmp_path: Path) -> GoProgram:
    path = tmp_path / "go"
    path.write_text("go")
    return GoProgram(path, "the machine's go")


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace({"GOENV": "off", "GOMODCACHE": str(tmp_path / "mod")}, tmp_path / "log", tmp_path)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    return []


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch, ran: list[Command]) -> Callable[[str], None]:
    def prepare(output: str) -> None:
        def run(command: Command, on_line: Callable[[str], None]) -> Finished:
            ran.append(command)
            for line in output.splitlines():
                on_line(line)
            return Finished(0, ())

        monkeypatch.setattr(module, "run_command", run)

    return prepare


def test_the_exact_toolchain_is_asked_for_by_name_and_asserted(
    program: GoProgram, workplace: Workplace, answer: Callable[[str], None], ran: list[Command]
) -> None:
    go = exact_go(program, GoVersion(26, 10), ".go-version")
    answer("go: downloading go1.26.10 (linux/amd64)\ngo version go1.26.10 linux/amd64")
    go.check_version(Path("/src"), workplace, "linux/amd64")
    assert ran[-1].environment["GOTOOLCHAIN"] == "go1.26.10"
    answer("go version go1.26.9 linux/amd64")
    with pytest.raises(BuildError, match="not the version") as caught:
        go.check_version(Path("/src"), workplace, "linux/amd64")
    assert (caught.value.seen, caught.value.wanted) == ("go1.26.9", "go1.26.10")


def downloaded(workplace: Workplace, checksum: str) -> None:
    folder = Path(workplace.environment["GOMODCACHE"], "cache/download/golang.org/toolchain/@v")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "v0.0.1-go1.26.10.linux-amd64.ziphash").write_text(checksum)


def test_a_toolchain_is_compared_with_the_lock_before_it_is_run(
    program: GoProgram, workplace: Workplace, answer: Callable[[str], None], ran: list[Command]
) -> None:
    go = exact_go(program, GoVersion(26, 10), ".go-version")
    answer("go version go1.26.10 linux/amd64")
    downloaded(workplace, "h1:altered=")
    with pytest.raises(BuildError, match="not the one that the lock file names") as caught:
        go.check_version(Path("/src"), workplace, "linux/amd64")
    assert ran == []
    assert caught.value.wanted is not None
    downloaded(workplace, caught.value.wanted)
    go.check_version(Path("/src"), workplace, "linux/amd64")
    assert [command.argv[1:] for command in ran] == [("version",)]


def test_a_toolchain_that_is_not_there_is_fetched_by_the_bootstrap_go_itself(
    program: GoProgram, workplace: Workplace, answer: Callable[[str], None], ran: list[Command]
) -> None:
    answer("go version go1.26.10 linux/amd64")
    exact_go(program, GoVersion(26, 10), ".go-version").check_version(Path("/src"), workplace, "linux/amd64")
    assert [command.environment["GOTOOLCHAIN"] for command in ran] == ["local", "go1.26.10"]
    assert ran[0].argv[1:] == ("mod", "download", "golang.org/toolchain@v0.0.1-go1.26.10.linux-amd64")


def test_a_binary_of_another_go_is_refused(
    program: GoProgram, workplace: Workplace, answer: Callable[[str], None]
) -> None:
    go = exact_go(program, GoVersion(26, 10), ".go-version")
    answer(
        "/out/etcd: go1.26.10\n"
        "\tpath\tgo.etcd.io/etcd/server/v3\n"
        "\tmod\tgo.etcd.io/etcd/server/v3\t(devel)\t\n"
        "\tdep\texample.com/a\tv1.0.0\th1:a=\n"
        "\tdep\texample.com/b\tv0.0.0\n"
        "\t=>\texample.com/b\tv0.37.2\th1:b=\n"
        "\tbuild\t-trimpath=true"
    )
    modules = go.modules_of(Path("/out/etcd"), workplace)
    assert modules == (
        "go.etcd.io/etcd/server/v3@(devel) -",
        "example.com/a@v1.0.0 h1:a=",
        "example.com/b@v0.37.2 h1:b=",
    )
    for output in ("/out/etcd: go1.26.9", ""):
        answer(output)
        with pytest.raises(BuildError, match="another Go"):
            go.modules_of(Path("/out/etcd"), workplace)


def test_local_go_of_another_version_names_the_usual_cause(
    program: GoProgram, workplace: Workplace, answer: Callable[[str], None]
) -> None:
    resolution = resolve({"GOTOOLCHAIN": "local"}, FILE)
    answer("go version go1.26.10 linux/amd64")
    go = asked_go(program, resolution, Path("/src"), workplace)
    assert (go.toolchain, go.version) == ("local", "go1.26.10")
    for reported in ("go1.26.8", "devel go1.28-0123abc", "go1.26.10-fork"):
        answer(f"go version {reported} linux/amd64")
        with pytest.raises(InputError, match="another Go version than wanted") as caught:
            asked_go(program, resolution, Path("/src"), workplace)
        assert "golang image" in str(caught.value.next_step)
        assert str(caught.value.seen).startswith(reported)


def test_a_newer_toolchain_that_go_mod_asked_for_is_pinned_for_the_build(
    program: GoProgram, workplace: Workplace, answer: Callable[[str], None]
) -> None:
    resolution = resolve({"GOTOOLCHAIN": "go1.26.3+auto"}, FILE)
    answer("go version go1.26.12 linux/amd64")
    go = asked_go(program, resolution, Path("/src"), workplace)
    assert (go.toolchain, go.version, go.identity) == ("go1.26.12", "go1.26.12", "go1.26.12")


def test_a_forced_go_may_be_any_and_its_program_is_part_of_the_identity(
    program: GoProgram, workplace: Workplace, answer: Callable[[str], None]
) -> None:
    answer("go version devel go1.28-0123abc Tue linux/amd64")
    resolution = resolve({"FORCE_HOST_GO": "y"}, FILE)
    before = asked_go(program, resolution, Path("/src"), workplace)
    assert (before.toolchain, before.version) == ("local", "devel go1.28-0123abc Tue")
    program.path.write_text("another go")
    assert asked_go(program, resolution, Path("/src"), workplace).identity != before.identity
