"""What a source tree of Kubernetes says of itself when git can hardly be asked: never `clean` without having looked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pipeline.host import git
from pipeline.host.kubernetes_tree import read_tree
from tests.e2e.host.kubernetes_tree import make_tree

pytestmark = pytest.mark.e2e


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "kubernetes")


def test_a_tree_whose_index_is_torn_is_not_called_clean(tree: Path) -> None:
    path = tree / "cmd" / "kube-apiserver" / "apiserver.go"
    path.write_text(path.read_text() + "\n// changed\n")
    (tree / ".git" / "index").write_bytes(b"junk")
    found = read_tree(tree)
    assert found.state == "unknown"
    assert found.version.endswith("-unknown")
    assert "index" in found.reason


def test_a_new_file_counts_whatever_the_repository_s_settings_show(tree: Path) -> None:
    subprocess.run(["git", "-C", tree, "config", "status.showUntrackedFiles", "no"], check=True)
    assert read_tree(tree).state == "clean"
    (tree / "cmd" / "kube-apiserver" / "new.go").write_text("package main\n")
    assert read_tree(tree).state == "dirty"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a tree away")
def test_the_user_s_own_settings_open_a_tree_of_another_owner(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for path in (tree, tree / ".git"):
        os.chown(path, 65532, 65532)
    refused = read_tree(tree)
    assert (refused.state, refused.commit) == ("unknown", "")
    assert "ownership" in refused.reason
    (home / ".gitconfig").write_text(f"[safe]\n\tdirectory = {tree.resolve()}\n")
    assert read_tree(tree).state == "clean"


def test_a_git_that_takes_too_long_is_no_defect(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(git, "TIMEOUT_S", 0.2)
    found = read_tree(tree)
    assert found.state == "unknown"
    assert "timed out" in found.reason
