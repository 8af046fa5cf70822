"""`kms-e2e verify` on real programs: the Go command of the environment, which is one itself, and what is none."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from pipeline.cli.verify import verify
from pipeline.errors import InputError
from pipeline.host.bootstrap import bootstrap_go

pytestmark = pytest.mark.e2e


def run(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(verify)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_program_of_the_demanded_version_passes_and_of_another_fails(tmp_path: Path) -> None:
    go = bootstrap_go()
    (tmp_path / ".go-version").write_text(go.version.removeprefix("go") + "\n", encoding="utf-8")
    right = run(go.path, "--source", tmp_path)
    assert (right.exit_code, right.stdout.startswith("ok ")) == (0, True)
    (tmp_path / ".go-version").write_text("1.26.1\n", encoding="utf-8")
    wrong = run(go.path, "--source", tmp_path, "--json")
    assert (wrong.exit_code, json.loads(wrong.stdout)["programs"][0]["ok"]) == (1, False)


def test_bills_of_materials_are_written(tmp_path: Path) -> None:
    go = bootstrap_go()
    folder = tmp_path / "sbom"
    assert run(go.path, "--go-version", go.version, "--sbom", folder).exit_code == 0
    document = json.loads((folder / "go.spdx.json").read_text(encoding="utf-8"))
    assert document["packages"][1]["versionInfo"] == go.version.removeprefix("go")
    assert json.loads((folder / "go.cyclonedx.json").read_text(encoding="utf-8"))["bomFormat"] == "CycloneDX"


def test_what_go_did_not_build_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\ntouch executed\n", encoding="utf-8")
    script.chmod(0o755)
    for path in (script, tmp_path, tmp_path / "gone"):
        result = run(path, "--go-version", "1.26.10")
        assert isinstance(result.exception, InputError), path
    assert not (tmp_path / "executed").exists()


def test_each_file_has_its_verdict_beside_one_that_has_none(tmp_path: Path) -> None:
    """The exit code is that of the worst: 2 for what is no program, above 1 for another Go."""
    go = bootstrap_go()
    script, gone = tmp_path / "script", tmp_path / "gone"
    script.write_text("#!/bin/sh\n", encoding="utf-8")
    for files in ((go.path, script), (script, go.path)):
        result = run(*files, "--go-version", go.version)
        assert isinstance(result.exception, InputError)
        assert result.exception.where == str(script)
        assert f"ok     {go.path}: {go.version}\n" in result.stdout
        assert f"none   {script}: no program that Go built" in result.stdout
    worst = run(go.path, script, gone, "--go-version", "1.26.1", "--json")
    document = json.loads(worst.stdout)
    assert [item["ok"] for item in document["programs"]] == [False]
    assert [item["file"] for item in document["unread"]] == [str(script), str(gone)]
    assert isinstance(worst.exception, InputError)
    assert worst.exception.what == "2 of 3 files have no verdict"


def test_every_go_program_in_an_image_is_judged(tmp_path: Path) -> None:
    go = bootstrap_go()
    image = tmp_path / "image.tar"
    layer = tmp_path / "layer.tar"
    with tarfile.open(layer, "w") as written:
        written.add(go.path, "usr/bin/go")
        written.add("/bin/sh", "bin/sh", filter=lambda member: member)
    (tmp_path / "manifest.json").write_text(json.dumps([{"Layers": ["layer.tar"]}]))
    with tarfile.open(image, "w") as written:
        written.add(layer, "layer.tar")
        written.add(tmp_path / "manifest.json", "manifest.json")
    right = run(image, "--go-version", go.version)
    assert (right.exit_code, right.stdout) == (0, f"ok     {image}: /usr/bin/go: {go.version}\n")
    wrong = run(image, "--go-version", "1.26.1", "--json")
    assert (wrong.exit_code, json.loads(wrong.stdout)["programs"][0]["inside"]) == (1, "/usr/bin/go")
    assert isinstance(run(image, "--go-version", go.version, "--only", "/sbin/*").exception, InputError)


def test_an_image_without_a_go_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text('{"manifests": []}')
    result = run(tmp_path, "--go-version", "1.26.10")
    assert isinstance(result.exception, InputError)
    assert "Go built none of them" in str(result.exception)
