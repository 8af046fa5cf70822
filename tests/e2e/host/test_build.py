"""Building with the Go of `.go-version`: the right Go, from the cache when possible, one clear error when not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pipeline.core.go_resolution import Outcome
from pipeline.errors import BuildError, InputError, MachineError
from pipeline.host.bootstrap import bootstrap_go
from tests.e2e.host.helpers import Build, Source

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every attempt to start a process fail."""

    def refuse(*words: object, **_options: object) -> None:
        pytest.fail(f"a process was started: {words}")

    monkeypatch.setattr(subprocess, "Popen", refuse)


def test_builds_with_the_go_of_the_version_file(build: Build, source: Source) -> None:
    assets = build()
    program = assets.folder / "kms-plugin"
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert said.strip() in (source.folder / "main.go").read_text()
    assert (assets.go_version, assets.compiled) == ("1.26.10", ("kms-plugin",))
    document = json.loads((assets.folder / "provenance.json").read_text())
    (artifact,) = document["artifacts"]
    assert (artifact["go_version"], artifact["version"], document["go_version"]) == ("1.26.10", "", "1.26.10")
    assert artifact["sha256"] == assets.binaries[0].entry.sha256
    assert document["toolchains"][0]["h1"].startswith("h1:")
    assert not (assets.folder / "plugin.json").exists()


def test_a_warm_run_starts_no_process(build: Build, request: pytest.FixtureRequest) -> None:
    first = build()
    request.getfixturevalue("no_process")
    second = build()
    assert (first.compiled, second.compiled) == (("kms-plugin",), ())
    assert first.binaries[0].entry == second.binaries[0].entry


def test_one_edited_file_is_compiled(build: Build, source: Source, request: pytest.FixtureRequest) -> None:
    first = build()
    source.write("edited")
    second = build()
    assert second.compiled == ("kms-plugin",)
    assert first.binaries[0].entry.sha256 != second.binaries[0].entry.sha256
    source.write("edited again")
    request.getfixturevalue("no_process")
    with pytest.raises(pytest.fail.Exception, match="a process was started"):
        build()


def test_the_same_source_elsewhere_gives_the_same_bytes(build: Build, source: Source, cache: Path) -> None:
    first = build()
    for folder in (cache / "binaries").iterdir():
        folder.rename(cache / "tmp" / folder.name)
    moved = source.folder.with_name("elsewhere")
    source.folder.rename(moved)
    source.folder.symlink_to(moved)
    second = build()
    assert second.compiled == ("kms-plugin",)
    assert first.binaries[0].entry.sha256 == second.binaries[0].entry.sha256


@pytest.mark.parametrize("damage", ["truncated", "changed", "no entry file"])
def test_a_half_written_cache_heals(build: Build, cache: Path, damage: str) -> None:
    first = build()
    (folder,) = [path for path in (cache / "binaries").iterdir() if path.name == first.binaries[0].entry.key]
    binary = folder / "kms-plugin"
    binary.chmod(0o755)
    if damage == "truncated":
        with binary.open("r+b") as file:
            file.truncate(1000)
    elif damage == "changed":
        with binary.open("r+b") as file:
            file.write(b"garbage")
    else:
        (folder / "entry.json").unlink()
    second = build()
    assert second.compiled == ("kms-plugin",)
    assert second.binaries[0].entry.sha256 == first.binaries[0].entry.sha256
    subprocess.run([second.folder / "kms-plugin"], check=True, capture_output=True)


def test_a_filled_cache_needs_no_network(build: Build, source: Source) -> None:
    build()
    source.write("without network")
    assert build(GOPROXY="off").compiled == ("kms-plugin",)


def test_a_version_that_does_not_exist_is_said_to(build: Build, source: Source) -> None:
    (source.folder / ".go-version").write_text("1.26.999\n")
    with pytest.raises(InputError, match=r"there is no Go toolchain go1\.26\.999") as caught:
        build()
    assert caught.value.where == f".go-version ({source.folder}/.go-version)"


def test_no_network_is_said(build: Build, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="no network to the module proxy") as caught:
        build(KMS_E2E_CACHE=str(tmp_path / "empty"), GOPROXY="http://127.0.0.1:9")
    assert "doctor" in str(caught.value.next_step)


def test_a_compile_error_shows_its_lines_and_a_command_that_shows_them_again(
    build: Build, source: Source, cache: Path
) -> None:
    (source.folder / "main.go").write_text("package main\n\nfunc main() { undefinedThing() }\n")
    with pytest.raises(BuildError, match="compiling kms-plugin failed") as caught:
        build()
    text = str(caught.value)
    assert "./main.go:3:15: undefined: undefinedThing" in text
    assert str(cache / "logs" / "plugin.log") in text
    (command,) = [line for line in text.splitlines() if " env GOTOOLCHAIN=" in line]
    pasted = subprocess.run(
        ["sh", "-c", command.removeprefix("  where:  ")], capture_output=True, text=True, check=False
    )
    assert "undefined: undefinedThing" in pasted.stderr
    assert not list((cache / "tmp").glob("run-*"))


def test_a_newer_go_line_is_said_with_both_versions(build: Build, source: Source) -> None:
    (source.folder / "go.mod").write_text("module example.com/plugin\n\ngo 1.27.0\n")
    with pytest.raises(BuildError, match=r"go\.mod asks for a newer Go") as caught:
        build()
    assert caught.value.seen == "go1.26.10, where go.mod wants go1.27.0 or newer"


def test_a_module_with_another_checksum_is_not_built(build: Build, source: Source) -> None:
    (source.folder / "go.mod").write_text(
        "module example.com/plugin\n\ngo 1.26.0\n\nrequire github.com/google/uuid v1.6.0\n"
    )
    (source.folder / "main.go").write_text(
        'package main\n\nimport "github.com/google/uuid"\n\nfunc main() { println(uuid.NewString()) }\n'
    )
    wrong = "h1:" + "A" * 43 + "="
    (source.folder / "go.sum").write_text(
        f"github.com/google/uuid v1.6.0 {wrong}\ngithub.com/google/uuid v1.6.0/go.mod {wrong}\n"
    )
    with pytest.raises(BuildError, match="cannot be trusted") as caught:
        build()
    assert "checksum mismatch" in str(caught.value)


def test_a_missing_line_in_go_sum_is_not_added_silently(build: Build, source: Source) -> None:
    (source.folder / "go.mod").write_text(
        "module example.com/plugin\n\ngo 1.26.0\n\nrequire github.com/google/uuid v1.6.0\n"
    )
    (source.folder / "main.go").write_text('package main\n\nimport _ "github.com/google/uuid"\n\nfunc main() {}\n')
    with pytest.raises(BuildError, match="cannot be trusted"):
        build()
    assert not (source.folder / "go.sum").exists()


def test_a_library_is_no_plugin(build: Build, source: Source) -> None:
    (source.folder / "main.go").write_text("package library\n")
    with pytest.raises(InputError, match="not a program"):
        build()


def test_the_machines_go_is_taken_on_the_users_word(build: Build) -> None:
    program = bootstrap_go()
    assets = build(FORCE_HOST_GO="y", PATH=str(program.path.parent))
    assert f"go{assets.go_version}" == program.version
    assert assets.resolution is not None
    steps = {step.name: step.outcome for step in assets.resolution.steps}
    assert (steps["FORCE_HOST_GO"], steps[".go-version"]) == (Outcome.WON, Outcome.LOST)


def test_a_local_go_of_another_version_ends_with_exit_code_2(build: Build) -> None:
    with pytest.raises(InputError, match="GOTOOLCHAIN=local selects another Go version") as caught:
        build(GOTOOLCHAIN="local", PATH=str(bootstrap_go().path.parent))
    assert caught.value.exit_code == 2
    assert "golang image" in str(caught.value.next_step)


def test_a_local_go_of_the_wanted_version_builds(build: Build, source: Source) -> None:
    program = bootstrap_go()
    (source.folder / ".go-version").write_text(program.version)
    assert f"go{build(GOTOOLCHAIN='local', PATH=str(program.path.parent)).go_version}" == program.version


def test_gotoolchain_with_auto_follows_a_newer_toolchain_line(build: Build, source: Source) -> None:
    (source.folder / "go.mod").write_text("module example.com/plugin\n\ngo 1.26.0\n\ntoolchain go1.26.10\n")
    assets = build(GOTOOLCHAIN="go1.26.0+auto")
    assert (assets.go_version, assets.go_version_source) == ("1.26.10", "GOTOOLCHAIN (the environment)")
