"""The `dagger` command as the tests call it, and what they hand to it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).parents[2]
VERSION = "v0.21.8"
CALL_TIMEOUT_S = 1800

Answer = subprocess.CompletedProcess[str]


class Call(Protocol):
    """The dagger command with its words, run in the checkout or in `cwd`, with further variables."""

    def __call__(self, *words: str, cwd: Path = ROOT, env: Mapping[str, str] = {}) -> Answer:
        """Run it and return what it printed."""


def call(*words: str, cwd: Path = ROOT, env: Mapping[str, str] = {}) -> Answer:
    return run("dagger", *words, cwd=cwd, env=env)


def run(*words: str, cwd: Path = ROOT, env: Mapping[str, str] = {}) -> Answer:
    """Run a command to its end and return what it printed, without colours."""
    return subprocess.run(
        words,
        cwd=cwd,
        env=os.environ | {"NO_COLOR": "1", "DAGGER_NO_NAG": "1", "DAGGER_PROGRESS": "plain"} | dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=CALL_TIMEOUT_S,
        check=False,
    )


def hooked(tmp_path: Path, rotate: str) -> Path:
    """Write the reference plugin's configuration with another rotate hook, an array of TOML, and return its path."""
    text = (ROOT / "kms-e2e.toml").read_text()
    file = tmp_path / "kms-e2e.toml"
    file.write_text(re.sub(r"^rotate = .*$", lambda _: f"rotate = {rotate}", text, flags=re.MULTILINE))
    return file


def checkout(folder: Path) -> Path:
    """Copy the files of this checkout that git knows, with what was edited since, and return the folder."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    for name in filter(None, names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder
