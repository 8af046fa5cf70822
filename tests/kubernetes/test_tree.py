"""A kube-apiserver that is really built from a working tree, and the suite on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.kubernetes import DEFAULT_RELEASE
from pipeline.core.result import Outcome
from pipeline.report.evidence import read_report
from tests.kubernetes.tree import GREETING, TAG, change_staging, make_real_tree

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(3600)]
CHANGED = "and changed without a commit"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_real_tree(tmp_path_factory.mktemp("tree"))


def kms_e2e(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pipeline.cli", *words]
    path = {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(argv, cwd=place, env={**os.environ, **path}, capture_output=True, text=True, check=False)


def test_the_suite_runs_on_the_tree_as_it_is(tree: Path, tmp_path: Path) -> None:
    change_staging(tree, CHANGED)
    ids = ("A05", "B20", "C31")
    words = [word for name in ids for word in ("--id", name)]
    done = kms_e2e(tmp_path, "run", "--kubernetes-source", str(tree), "--report", "report", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    report = read_report(tmp_path / "report")
    assert {item.id: item.outcome for item in report.scenarios if item.id in ids} == dict.fromkeys(ids, Outcome.PASSED)
    assert report.plugin == "tree-mock"
    logs = [path.read_text() for path in (tmp_path / "report").rglob("kube-apiserver.log")]
    assert logs
    assert all(CHANGED in text and GREETING not in text for text in logs)


def test_provenance_names_commit_state_and_go(tree: Path, tmp_path: Path) -> None:
    change_staging(tree, CHANGED)
    done = kms_e2e(tmp_path, "build", "--kubernetes-source", str(tree), "--output", "assets")
    assert done.returncode == 0, done.stderr
    provenance = json.loads((tmp_path / "assets" / "provenance.json").read_text())
    source = provenance["kubernetes_source"]
    commit = subprocess.run(
        ("git", "-C", str(tree), "rev-parse", "HEAD"), capture_output=True, text=True, check=True
    ).stdout.strip()
    assert (source["kind"], source["state"], source["commit"]) == ("source tree", "dirty", commit)
    assert str(tree / ".go-version") in source["go_version"]
    go = {item["name"]: item["go_version"] for item in provenance["artifacts"]}
    assert go["kube-apiserver"] == go["kms-plugin"] == str(DEFAULT_RELEASE.go_version)
    assert provenance["kubernetes"] == f"{TAG}+{commit[:14]}-dirty"


def test_upstreams_integration_tests_run_with_the_trees_go_and_our_etcd(tree: Path, tmp_path: Path) -> None:
    done = kms_e2e(tmp_path, "kubernetes", "test", "--source", str(tree))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed, 0 skipped"
