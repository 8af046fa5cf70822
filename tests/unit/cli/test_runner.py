"""`kms-e2e run --runner`: where the suite runs, which words Dagger gets, and what an absent engine means."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.cli.runner import InDagger, Runner, choose, tell_failure
from pipeline.core.result import to_json
from pipeline.core.suite_exit import FAILURE_FILE, Failure
from pipeline.errors import InputError, MachineError, ProcessError
from pipeline.host import dagger
from pipeline.host.dagger import ENGINE_VERSION, Ask, DaggerRun, engine_problem, module_reference
from pipeline.host.module_proxy import ModuleProxy
from pipeline.host.project import find_project, reference_project

ROOT = Path(__file__).parents[3]
PLAIN = InDagger(config=None, report=Path("_artifacts"), module="", run_id="")


def answering(version: str = "dagger v0.21.8 (unix:///x) linux/amd64", engine: str = "v0.21.8", code: int = 0) -> Ask:
    """Return a command that answers with these versions."""

    def ask(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        core = "core" in words
        text = engine if core else version
        return subprocess.CompletedProcess(
            list(words), code if core else 0, text + "\n", "1 : connect\nno such socket\n"
        )

    return ask


@pytest.fixture(autouse=True)
def dagger_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("_EXPERIMENTAL_DAGGER_RUNNER_HOST", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


def test_an_engine_of_the_wanted_release_is_no_problem() -> None:
    assert engine_problem(answering()) == ""
    assert json.loads((ROOT / "dagger.json").read_text())["engineVersion"] == ENGINE_VERSION


@pytest.mark.parametrize(
    ("ask", "problem"),
    [
        (
            answering("dagger v0.21.80 linux/amd64"),
            "`dagger version` says 'dagger v0.21.80 linux/amd64', wanted is v0.21.8",
        ),
        (answering(engine="v0.20.0"), "`dagger core version` says 'v0.20.0', wanted is v0.21.8"),
        (answering(code=1), "no Dagger engine answers: no such socket"),
    ],
)
def test_a_missing_or_another_engine_is_named(ask: Ask, problem: str) -> None:
    assert engine_problem(ask) == problem
    with pytest.raises(MachineError, match="cannot run in Dagger") as caught:
        dagger.assert_engine(ask)
    assert caught.value.seen == problem


def test_without_the_command_there_is_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert engine_problem(answering()) == "no dagger command on PATH"


def test_a_socket_that_is_not_there_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        pytest.fail(f"asked {words}")

    monkeypatch.setenv("_EXPERIMENTAL_DAGGER_RUNNER_HOST", f"unix://{tmp_path}/engine.sock")
    assert engine_problem(refuse).endswith(f"names {tmp_path}/engine.sock, which is no socket")


@pytest.mark.parametrize(
    ("asked", "problem", "chosen", "said"),
    [
        (PLAIN, "", Runner.DAGGER, "runner: dagger (a Dagger engine answers)"),
        (PLAIN, "no dagger command on PATH", Runner.HOST, "runner: host (no dagger command on PATH)"),
        (
            InDagger(None, Path("r"), "", "", refused=("--soak",)),
            "",
            Runner.HOST,
            "runner: host (--soak is for the host only)",
        ),
    ],
)
def test_auto_says_what_it_takes(
    asked: InDagger, problem: str, chosen: Runner, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert choose(Runner.AUTO, asked, lambda: problem) is chosen
    assert capsys.readouterr().err.strip() == said


def test_what_dagger_cannot_do_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be asked of a run in Dagger") as caught:
        choose(Runner.DAGGER, InDagger(None, Path("r"), "", "", refused=("--assets", "--soak")))
    assert caught.value.seen == "--assets, --soak"


def test_the_words_are_those_of_the_modules_function() -> None:
    assert PLAIN.words == ()
    asked = InDagger(None, Path("r"), "", "", ("A05", "B03"), ("A", "rotation"), skip="x", parallel=3, shard="2/4")
    assert asked.words == ("--focus=^(A05|B03) ", "--skip=x", "--family=A,rotation", "--parallel=3", "--shard=2/4")
    assert InDagger(None, Path("r"), "", "", family=("A",), fast=True).words == ("--family=A", "--fast")
    assert InDagger(None, Path("r"), "", "", ("F58",), fast=True).words == ("--focus=^(F58) ",)  # named: in any tier


def test_the_command_names_module_source_run_and_folder() -> None:
    run = DaggerRun("/checkout", reference_project(), ("--family=A",), "7", Path("/r"))
    assert run.argv == (
        *("dagger", "call", "-m", "/checkout", "--run-id=7", f"--source={ROOT}"),
        *("report", "--family=A", "directory", "export", "--path=/r"),
    )


def test_the_choice_of_modules_goes_to_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = ModuleProxy("https://user:secret@modules.example.com", "sum.golang.org https://modules.example.com/sumdb")
    run = DaggerRun("m", reference_project(), (), "7", Path("/r"), proxy=proxy)
    assert f"--goproxy={proxy.goproxy}" in run.argv[4 : run.argv.index("report")]
    assert f"--gosumdb={proxy.gosumdb}" in run.argv[4 : run.argv.index("report")]
    monkeypatch.setattr(subprocess, "run", lambda argv, **_: subprocess.CompletedProcess(argv, 1))
    with pytest.raises(ProcessError, match="Dagger did not run the suite") as caught:
        dagger.run_in_dagger(run)
    assert "secret" not in str(caught.value)


def test_a_configuration_of_another_name_is_handed_on(tmp_path: Path) -> None:
    text = next(ROOT.glob("kms-e2e.toml")).read_text()
    (tmp_path / "other.toml").write_text(text)
    run = DaggerRun("m", find_project(tmp_path / "other.toml"), (), "7", Path("/r"))
    assert run.argv[4:7] == ("--run-id=7", f"--source={tmp_path}", f"--config={tmp_path / 'other.toml'}")


def test_scenarios_get_the_programs_that_they_run() -> None:
    def words(*components: str) -> list[str]:
        run = DaggerRun("m", reference_project(), (), "7", Path("/r"), components=components)
        return [word for word in run.argv if word.startswith("--components")]

    assert words() == words("kube-controller-manager") == []
    assert words("previous-kube-apiserver") == ["--components=kube-controller-manager,previous-kube-apiserver"]


def test_what_decides_about_go_and_the_secrets_is_handed_on(tmp_path: Path) -> None:
    secrets = '[run]\nargv = ["x"]\n[run.secrets]\nPIN = { env = "PIN" }\nTOKEN = { file = "~/.token" }\n'
    service = '[[services]]\nname = "keys"\nargv = ["x"]\n[services.secrets]\nSAME = { env = "PIN" }\n'
    (tmp_path / "kms-e2e.toml").write_text(
        f'name = "x"\nmigrate_to = "second"\n[program]\npath = "x"\n{secrets}{service}'
    )
    (tmp_path / "second").mkdir()
    other = secrets.replace('"PIN"', '"OTHER"')
    (tmp_path / "second" / "kms-e2e.toml").write_text(f'name = "y"\n[program]\npath = "y"\n{other}')
    variables = {"GO_VERSION": "1.26.8", "GOTOOLCHAIN": "", "FORCE_HOST_GO": "y"}
    argv = DaggerRun("m", find_project(tmp_path), (), "7", Path("/r"), environment=variables).argv
    assert argv[6 : argv.index("report")] == (
        *("--go-version=1.26.8", "--force-host-go=y"),
        *("--secrets=env://PIN", "--secrets=file://~/.token", "--secrets=env://OTHER"),
    )


def test_the_module_is_what_was_asked_for_else_the_checkout() -> None:
    assert module_reference("example.com/kms@v1") == "example.com/kms@v1"
    assert module_reference("") == str(ROOT)


@pytest.mark.parametrize(
    ("urls", "reference"),
    [
        (["Homepage, https://a.example"], None),
        (["Repository, https://git.example/o/kms-e2e.git"], "git.example/o/kms-e2e@v"),
    ],
)
def test_an_installed_package_takes_the_tag_of_its_release(
    urls: list[str], reference: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Metadata:
        def get_all(self, _name: str) -> list[str]:
            return urls

    monkeypatch.setattr("importlib.metadata.metadata", lambda _name: Metadata())
    if reference:
        assert module_reference("", tmp_path).startswith(reference)
    else:
        with pytest.raises(InputError, match="where the Dagger module is"):
            module_reference("", tmp_path)


def test_a_suite_without_a_report_says_why_by_its_own_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / FAILURE_FILE).write_text(to_json(Failure(3, "error: no scenario is selected")))
    assert tell_failure(tmp_path) == 3
    assert capsys.readouterr().err == "error: no scenario is selected\n"
    (tmp_path / FAILURE_FILE).unlink()
    with pytest.raises(InputError, match="Dagger exported no report") as caught:
        tell_failure(tmp_path)
    assert "No such file" in str(caught.value.seen)


def test_upstreams_tests_are_a_function_of_their_own() -> None:
    asked = InDagger(None, Path("r"), "", "", focus="a", parallel=4, upstream=True, label_filter="sig-auth", plain=True)
    assert asked.words == ("--focus=a", "--parallel=4", "--label-filter=sig-auth", "--plain")
    none_skipped = InDagger(None, Path("r"), "", "", focus=r"\[Serial\]", skip="", upstream=True)
    assert none_skipped.words == (r"--focus=\[Serial\]", "--skip=")
    argv = DaggerRun("m", reference_project(), asked.words, "7", Path("/r"), function="upstream").argv
    assert argv[argv.index("upstream") :] == ("upstream", *asked.words, "directory", "export", "--path=/r")
