"""`toolchain` on a real engine: for any Go project, in success and failure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.engine.calls import Call

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(3600)]
TOOLCHAIN = ("call", "toolchain", "with-source")


@pytest.fixture
def broken(tmp_path: Path) -> str:
    """Return the option for a project whose program and test do not work."""
    (tmp_path / "go.mod").write_text("module example.com/broken\n\ngo 1.26\n")
    (tmp_path / "main.go").write_text("package main\n\nfunc main() { missing() }\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "sub.go").write_text("package sub\n")
    test = 'package sub\n\nimport "testing"\n\nfunc TestIt(t *testing.T) { t.Fatal("said so") }\n'
    (tmp_path / "sub" / "sub_test.go").write_text(test)
    return f"--source={tmp_path}"


def test_it_tests_runs_and_builds_any_go_project(dagger: Call, tmp_path: Path) -> None:
    source = "--source=plugins/reference"
    tested = dagger(*TOOLCHAIN, source, "test", "--packages=./internal/...")
    vetted = dagger(*TOOLCHAIN, source, "exec", "--args=go,vet,./...", "exit-code")
    built = dagger(*TOOLCHAIN, source, "build", "export", f"--path={tmp_path / 'program'}")
    assert (tested.returncode, vetted.returncode, built.returncode) == (0, 0, 0)
    assert re.search(r"^ok\s+\S+/internal/keyring\s", tested.stdout, re.MULTILINE)
    assert vetted.stdout.strip() == "0"
    assert (tmp_path / "program").read_bytes().startswith(b"\x7fELF")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("build", "sync"), "main.go:3:15: undefined: missing"),
        (("test", "--packages=./sub"), "said so"),
        (("exec", "--args=go,vet,.", "sync"), "undefined: missing"),
        (("exec", "--args=no-such-command", "sync"), "no-such-command"),
    ],
)
def test_a_failure_is_one_message_that_names_it(
    dagger: Call, broken: str, words: tuple[str, ...], message: str
) -> None:
    failed = dagger(*TOOLCHAIN, broken, *words)
    assert failed.returncode == 1
    assert message in failed.stderr
    assert "Traceback" not in failed.stderr
