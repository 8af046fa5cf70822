"""The matrix as CI data: every supported Kubernetes version by the same two calls, and one table in the end."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.core.kubernetes import RELEASES

FOLDER = Path(__file__).parents[2] / "ci" / "matrix"
FILES = sorted(FOLDER.iterdir())
VERSIONS = [release.minor for release in reversed(RELEASES)]
CALL = 'dagger call --kubernetes="$KUBERNETES" --run-id="$RUN_ID" '
TABLE = ".venv/bin/kms-e2e report matrix _reports/* --output _artifacts"


def test_there_is_a_file_for_each_system() -> None:
    assert [path.name for path in FILES] == ["github-actions.yaml", "gitlab.yaml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_evidence_comes_before_the_verdict_of_the_same_run_and_the_table_last(path: Path) -> None:
    text = path.read_text()
    places = [text.index(words) for words in (f"{CALL}report directory export", f"{CALL}kms-e-2-e", TABLE)]
    assert places == sorted(places)
    assert "DAGGER_VERSION: 0.21.8" in text
    assert "latest" not in text


def test_github_runs_every_supported_version_and_keeps_the_evidence_of_a_red_one() -> None:
    jobs = yaml.safe_load((FOLDER / "github-actions.yaml").read_text())["jobs"]
    assert jobs["kms-e2e"]["strategy"] == {"fail-fast": False, "matrix": {"kubernetes": VERSIONS}}
    assert jobs["kms-e2e"]["steps"][-1]["if"] == jobs["matrix"]["if"] == "always()"
    assert jobs["matrix"]["needs"] == "kms-e2e"


def test_gitlab_runs_every_supported_version_and_keeps_the_evidence_of_a_red_one() -> None:
    document = yaml.safe_load((FOLDER / "gitlab.yaml").read_text())
    assert document["kms-e2e"]["parallel"] == {"matrix": [{"KUBERNETES": VERSIONS}]}
    assert document["kms-e2e"]["artifacts"]["when"] == document["matrix"]["when"] == "always"
    assert document["stages"] == [document["kms-e2e"]["stage"], document["matrix"]["stage"]]
