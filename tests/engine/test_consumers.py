"""Modules of other projects: the examples, a dependency that is installed, a toolchain whose checks see their tree."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.engine.calls import ROOT, Call, checkout

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(7200)]
EXAMPLES = ROOT / "examples"


def test_a_module_in_python_composes_toolchain_control_plane_and_report(dagger: Call, tmp_path: Path) -> None:
    module = ("call", "-m", str(EXAMPLES / "dagger-python"))
    version = dagger(*module, "go")
    written = dagger(*module, "write-secret")
    evidence = dagger(*module, "evidence", "export", f"--path={tmp_path}")
    assert (version.returncode, written.returncode, evidence.returncode) == (0, 0, 0)
    assert version.stdout.startswith("go version go1.26.10 ")
    assert written.stdout.strip() == "read back: hunter2"
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["planned"], report["exit_code"]) == (["A05"], 0)


def test_a_module_in_go_composes_toolchain_control_plane_and_report(dagger: Call) -> None:
    module = ("call", "-m", str(EXAMPLES / "dagger-go"))
    version = dagger(*module, "go-version")
    tested = dagger(*module, "test-secret")
    failed = dagger(*module, "failed")
    assert (version.returncode, tested.returncode, failed.returncode) == (0, 0, 0), tested.stderr[-2000:]
    assert version.stdout.startswith("go version go1.26.10 ")
    assert "--- PASS: TestSecretIsReadBack" in tested.stdout
    assert failed.stdout.strip() == "0"


@pytest.fixture
def consumer(tmp_path: Path) -> Path:
    """Return a repository of another project: a plugin with its own `.go-version`, and our module below it."""
    repository = tmp_path / "consumer"
    shutil.copytree(ROOT / "plugins/reference", repository)
    text = (ROOT / "kms-e2e.toml").read_text()
    named = text.replace('name = "reference"', 'name = "consumer"').replace(
        'module = "plugins/reference"', 'module = "."'
    )
    (repository / "kms-e2e.toml").write_text(named)
    (repository / ".go-version").write_text("1.26.10\n")
    checkout(repository / "third_party" / "kms")
    subprocess.run(["git", "init", "--quiet"], cwd=repository, check=True)
    return repository


def test_the_checks_of_an_installed_toolchain_see_the_consumers_tree(dagger: Call, consumer: Path) -> None:
    initialised = dagger("init", "--name=consumer", cwd=consumer)
    installed = dagger("toolchain", "install", "./third_party/kms", cwd=consumer)
    assert (initialised.returncode, installed.returncode) == (0, 0), installed.stderr[-2000:]
    listed = dagger("check", "-l", cwd=consumer)
    assert "kms-e-2-e" in listed.stdout
    version = dagger("call", "kms", "go-version", cwd=consumer)
    assert version.stdout.startswith("go1.26.10, from .go-version")
    report = dagger("call", "kms", "report", "--focus=^A05", "json", "contents", cwd=consumer)
    assert json.loads(report.stdout)["plugin"] == "consumer"
    respected = dagger("check", "go-version-respected", cwd=consumer)
    assert respected.returncode == 0, respected.stderr[-2000:]
    (consumer / "Dockerfile").write_text("FROM golang:1.26.4\n")
    drifted = dagger("check", "audit", cwd=consumer)
    assert drifted.returncode == 1
    assert "Dockerfile:1:13" in drifted.stderr + drifted.stdout


MODULE = """import dagger
from dagger import DefaultPath, dag, function, object_type
from typing import Annotated


@object_type
class Consumer:
    @function
    async def plugin_of_report(self, source: Annotated[dagger.Directory, DefaultPath("/")]) -> str:
        return await dag.kms(source=source).report(focus="^A05").json().contents()
"""


def test_an_installed_dependency_takes_the_consumers_source(dagger: Call, consumer: Path) -> None:
    assert dagger("init", "--name=consumer", "--sdk=python", "--source=ci", cwd=consumer).returncode == 0
    installed = dagger("install", "./third_party/kms", cwd=consumer)
    assert installed.returncode == 0, installed.stderr[-2000:]
    (main,) = (consumer / "ci").rglob("main.py")
    main.write_text(MODULE)
    answer = dagger("call", "plugin-of-report", cwd=consumer)
    assert answer.returncode == 0, answer.stderr[-2000:]
    document = json.loads(answer.stdout)
    assert (document["plugin"], document["planned"], document["exit_code"]) == ("consumer", ["A05"], 0)
