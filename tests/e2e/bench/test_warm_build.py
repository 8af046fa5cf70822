"""A warm build of the plugin starts no process, not even `go`; one edited Go file shows the compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

# An audit hook sees each start of a process, whichever function of Python asks for it.
WATCHED = """
import sys
import uuid
started = []
def see(event, words):
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork", "os.system"):
        started.append(str(words[:2]))
sys.addaudithook(see)
from pathlib import Path
from pipeline.host.build import BuildRequest, build_assets
assets = build_assets(BuildRequest(source=Path(sys.argv[1]), kubernetes=None, output=Path(sys.argv[2])))
print("compiled", assets.compiled)
print("started", len(started), *started, sep="\\n")
"""


def build(source: Path, output: Path) -> list[str]:
    """Build in a process of its own and return: what was compiled, "started", how many processes, their words."""
    names = ("GOTOOLCHAIN", "GO_VERSION", "FORCE_HOST_GO")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(source), str(output)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "reference"
    shutil.copytree(ROOT / "plugins" / "reference", folder)
    shutil.copy(ROOT / ".go-version", folder)
    return folder


def test_a_warm_build_starts_no_process(source: Path, tmp_path: Path) -> None:
    build(source, tmp_path / "out")
    assert build(source, tmp_path / "out") == ["compiled ()", "started", "0"]


def test_one_edited_go_file_starts_the_compiler(source: Path, tmp_path: Path) -> None:
    build(source, tmp_path / "out")
    with (source / "main.go").open("a") as file:
        file.write(f"\n// {uuid.uuid4()}\n")  # an edit that no earlier run left in the cache
    compiled, _, count, *words = build(source, tmp_path / "out")
    assert compiled == "compiled ('kms-plugin',)"
    assert int(count) > 0
    assert any("'build'" in word for word in words), words
