"""What the project promises about itself: locks without addresses, one version, no floating tags, one Go version."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pipeline import __version__
from pipeline.suite.collection import collect
from pipeline.suite.scenario import Scenario

ROOT = Path(__file__).parents[2]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()]


def test_the_lock_has_hashes_and_no_addresses() -> None:
    text = (ROOT / "locked-requirements.txt").read_text()
    packages = re.findall(r"^[a-z0-9].*$", text, re.MULTILINE)
    assert packages
    assert all(re.search(r"==[^ ]+", line) for line in packages)
    assert text.count("--hash=sha256:") >= len(packages)
    assert "://" not in text
    assert "index-url" not in text


@pytest.mark.parametrize("name", ["uv.lock", "requirements.lock"])
def test_no_lock_of_another_kind(name: str) -> None:
    assert not [path for path in tracked() if path.name == name]


def test_one_version() -> None:
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()
    assert re.search(rf"^## {re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


CATALOGUE = [item.entry for item in collect()]


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.id)
def test_a_scenario_says_what_it_is(entry: Scenario) -> None:
    assert entry.title
    assert not entry.title.endswith(".")
    assert entry.source or entry.level != "MUST"
    assert entry.twin.breaks
    re.compile(entry.twin.reason)
    assert entry.deadline_s > 0
