"""A failed Go command becomes one clear error."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import BuildError, InputError, KmsE2EError, MachineError
from pipeline.host.command import Command, Finished
from pipeline.host.explain import Attempt, explain, last_lines

COMMAND = Command(
    ("go", "build", "-o", "out dir", "."),
    Path("/src/x y"),
    {
        "GOTOOLCHAIN": "go1.26.99",
        "GOCACHE": "/cache/go/build",
        "SECRET": "s3cret",
        "GOPROXY": "https://me:s3cret@go.example.com,direct",
    },
    Path("/cache/logs/plugin.log"),
    Path("/cache/tmp/run"),
)


def explained(*lines: str, timed_out: bool = False) -> KmsE2EError:
    finished = Finished(1, tuple(lines), timed_out)
    return explain(Attempt(COMMAND, finished, "compiling x", "go1.26.99", ".go-version (/src/.go-version)"))


@pytest.mark.parametrize(
    ("line", "kind", "what"),
    [
        ("go: download go1.26.99 for linux/amd64: toolchain not available", InputError, "there is no Go toolchain"),
        (
            "go: golang.org/toolchain@v0.0.1-go1.26.99.linux-amd64: reading https://x: 404 Not Found",
            InputError,
            "no Go",
        ),
        ('go: download go1.26.10: Get "https://x": dial tcp: lookup x: no such host', MachineError, "no network"),
        ("go: example.com/y@v1.0.0: module lookup disabled by GOPROXY=off", MachineError, "no network"),
        ("write /cache/go/build/x: no space left on device", MachineError, "the disk is full"),
        ("link: /out: file too large", MachineError, "the disk is full"),
        ("verifying example.com/y@v1.0.0: checksum mismatch", BuildError, "cannot be trusted"),
        (
            "main.go:3:8: missing go.sum entry for module providing package example.com/y",
            BuildError,
            "cannot be trusted",
        ),
        (
            "go: go.mod requires go >= 1.27.0 (running go 1.26.10; GOTOOLCHAIN=go1.26.10)",
            BuildError,
            "go.mod asks for a newer Go",
        ),
        (
            "./main.go:3:1: syntax error: non-declaration statement outside function body",
            BuildError,
            "compiling x failed",
        ),
    ],
)
def test_each_cause_has_its_error(line: str, kind: type[KmsE2EError], what: str) -> None:
    error = explained("example.com/y/pkg", line)
    assert type(error) is kind
    assert what in error.what
    assert error.next_step
    assert error.exit_code == 2


def test_a_compile_error_shows_a_pasteable_command_the_lines_and_the_log() -> None:
    text = str(explained("internal/abi", "# example.com/x", "./main.go:3:1: syntax error"))
    assert "cd '/src/x y' && env GOTOOLCHAIN=go1.26.99 GOCACHE=/cache/go/build GOPROXY=" in text
    assert "GOPROXY='https://***@go.example.com,direct' go build -o 'out dir' ." in text
    assert "./main.go:3:1: syntax error" in text
    assert "internal/abi" not in text
    assert "/cache/logs/plugin.log" in text
    assert "s3cret" not in text


def test_only_the_last_40_telling_lines_are_shown() -> None:
    shown = last_lines([f"./main.go:{number}: bad thing" for number in range(100)]).splitlines()
    assert len(shown) == 40
    assert shown[-1].endswith("./main.go:99: bad thing")


def test_an_unknown_version_says_where_it_stands() -> None:
    error = explained("go: download go1.26.99 for linux/amd64: toolchain not available")
    assert error.where == ".go-version (/src/.go-version)"


def test_a_command_that_does_not_end_is_said_to() -> None:
    error = explained("example.com/y", timed_out=True)
    assert isinstance(error, MachineError)
    assert "did not end" in error.what
    assert error.seen == "still running after 60 min 00 s"
