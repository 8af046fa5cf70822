"""Where the cache lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.errors import InputError, MachineError
from pipeline.host.paths import CachePaths, cache_paths


@pytest.mark.parametrize(
    ("environment", "root"),
    [
        ({"HOME": "/home/u"}, "/home/u/.cache/kms-e2e"),
        ({"HOME": "/home/u", "XDG_CACHE_HOME": "/xdg"}, "/xdg/kms-e2e"),
        ({"HOME": "/home/u", "XDG_CACHE_HOME": "relative"}, "/home/u/.cache/kms-e2e"),
        ({"HOME": "/home/u", "XDG_CACHE_HOME": "/xdg", "KMS_E2E_CACHE": "/own"}, "/own"),
    ],
)
def test_the_users_cache_folder(environment: dict[str, str], root: str) -> None:
    assert cache_paths(environment).root == Path(root)


def test_a_relative_own_folder_is_below_the_current_one() -> None:
    assert cache_paths({"KMS_E2E_CACHE": "cache"}).root == Path.cwd() / "cache"


def test_no_place_is_an_error_with_the_next_step() -> None:
    with pytest.raises(InputError, match="no place for the cache") as caught:
        cache_paths({})
    assert "KMS_E2E_CACHE" in str(caught.value.next_step)


def test_a_path_that_go_would_split_is_refused() -> None:
    with pytest.raises(InputError, match="colon"):
        cache_paths({"KMS_E2E_CACHE": "/a:/b"})


def test_makes_its_folders_and_switches_go_telemetry_off(tmp_path: Path) -> None:
    paths = CachePaths(tmp_path / "cache")
    paths.make()
    paths.make()
    assert paths.modules.is_dir()
    assert (paths.home / ".config" / "go" / "telemetry" / "mode").read_text() == "off\n"


def test_a_cache_that_cannot_be_made_is_a_machine_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file stands in the way")
    with pytest.raises(MachineError, match="cannot be written") as caught:
        CachePaths(tmp_path / "cache").make()
    assert caught.value.where == os.fspath(tmp_path / "cache")
