"""A plugin's source of one file, and a cache of these tests alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pipeline.host.build import Assets, BuildRequest, build_assets
from pipeline.host.progress import PlainProgress
from tests.e2e.host.helpers import PROGRAM, Build, Runner, Source, Start


@pytest.fixture
def source(tmp_path: Path) -> Source:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "go.mod").write_text("module example.com/plugin\n\ngo 1.26.0\n")
    (folder / ".go-version").write_text("1.26.10\n")
    made = Source(folder)
    made.write(tmp_path.name)
    return made


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the user's environment with a cache of its own and without anything that names a Go version."""
    names = ("GOTOOLCHAIN", "GO_VERSION", "FORCE_HOST_GO")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return kept | {"KMS_E2E_CACHE": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture
def cache(environment: Mapping[str, str]) -> Path:
    return Path(environment["KMS_E2E_CACHE"])


@pytest.fixture
def build(source: Source, environment: dict[str, str], tmp_path: Path) -> Build:
    def run(*, output: Path = tmp_path / "assets", **changes: str) -> Assets:
        request = BuildRequest(
            source=source.folder, kubernetes=None, output=output, environment={**environment, **changes}
        )
        return build_assets(request, PlainProgress(sys.stdout))

    return run


@pytest.fixture
def start(source: Source, environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    runners: list[Runner] = []

    def run(name: str = "run", **changes: str) -> Runner:
        output = tmp_path / f"{name}.txt"
        argv = [sys.executable, "-u", "-c", PROGRAM, str(source.folder), str(tmp_path / f"assets-{name}")]
        with output.open("w") as file:
            process = subprocess.Popen(argv, stdout=file, stderr=file, env={**environment, **changes}, text=True)
        runners.append(Runner(process, output))
        return runners[-1]

    yield run
    for runner in runners:
        runner.process.kill()
        runner.process.wait()
