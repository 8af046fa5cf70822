"""Every CI file holds the same two calls in the same order, pins the version, and keeps the JUnit file of a red run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "ci").iterdir() if path.is_file())
EVIDENCE = 'dagger call --run-id="$RUN_ID" report directory export --path=_artifacts'
VERDICT = 'dagger call --run-id="$RUN_ID" kms-e-2-e'
KEEPS = {
    "Jenkinsfile": r"always \{\s+junit testResults: '_artifacts/junit_kms_01\.xml'",
    "argo-workflows.yaml": r"outputs:\s+artifacts:\s+- name: junit\s+path: /checkout/_artifacts/junit_kms_01\.xml",
    "azure-pipelines.yaml": r"PublishTestResults@2\s+condition: always\(\)",
    "buildkite.yaml": r"artifact_paths:\s+- _artifacts/junit_kms_01\.xml",
    "circleci.yaml": r"store_test_results:\s+path: _artifacts",
    "github-actions.yaml": r"upload-artifact@v4\s+if: always\(\)",
    "gitlab.yaml": r"when: always\s+paths: \[_artifacts\]\s+reports:\s+junit: _artifacts/junit_kms_01\.xml",
    "prow.yaml": r"trap 'cp -r _artifacts/\. \"\$ARTIFACTS\"' EXIT",
    "tekton.yaml": r"workspaces:\s+- name: source",
}

# The schemas that the vendors publish; for the other systems there is none on PyPI.
SCHEMAS = {
    "azure-pipelines.yaml": "azure-pipelines",
    "buildkite.yaml": "buildkite",
    "circleci.yaml": "circle-ci",
    "github-actions.yaml": "github-workflows",
    "gitlab.yaml": "gitlab-ci",
}
TRANSFORMS = {"azure-pipelines.yaml": "azure-pipelines", "gitlab.yaml": "gitlab-ci"}

BREAKS = [
    ("azure-pipelines.yaml", "- checkout: self", "- chekout: self"),
    ("buildkite.yaml", "timeout_in_minutes: 60", "timeout_in_minutes: soon"),
    ("circleci.yaml", "jobs: [kms-e2e]", "jobs: 7"),
    ("github-actions.yaml", "runs-on:", "runs_on:"),
    ("gitlab.yaml", "when: always", "when: sometimes"),
]


def problems(path: Path, name: str) -> str:
    """Return what the schema of a CI system says of a file; empty when it is valid."""
    words = ["--builtin-schema", f"vendor.{SCHEMAS[name]}", "--regex-variant", "python"]
    words += ["--data-transform", TRANSFORMS[name]] if name in TRANSFORMS else []
    result = CliRunner().invoke(check_jsonschema, [*words, str(path)])
    return "" if result.exit_code == 0 else result.output or repr(result.exception)


def calls(text: str) -> list[str]:
    """Return the dagger calls of a file; Buildkite writes a dollar sign twice."""
    return [call.strip(" '") for call in re.findall(r"dagger call [^\n]*", text.replace("$$", "$"))]


def test_there_is_a_file_for_each_system() -> None:
    assert {path.name for path in FILES} == set(KEEPS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_two_calls_are_the_same_everywhere(path: Path) -> None:
    assert calls(path.read_text()) == [EVIDENCE, VERDICT]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_version_is_pinned_and_a_run_has_a_name(path: Path) -> None:
    text = path.read_text()
    assert re.search(r"DAGGER_VERSION(: | = '|, value: )0\.21\.8\b", text)
    assert "RUN_ID" in text.replace('"$RUN_ID"', "").replace('"$$RUN_ID"', "")
    assert "latest" not in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_evidence_of_a_red_run_is_kept(path: Path) -> None:
    assert re.search(KEEPS[path.name], path.read_text())


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix == ".yaml"], ids=lambda path: path.name)
def test_it_is_yaml(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text()), dict)


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_keeps_the_schema_of_its_system(name: str) -> None:
    assert problems(ROOT / "ci" / name, name) == ""


@pytest.mark.parametrize(("name", "line", "broken"), BREAKS)
def test_a_file_that_breaks_the_schema_is_noticed(name: str, line: str, broken: str, tmp_path: Path) -> None:
    text = (ROOT / "ci" / name).read_text()
    assert line in text
    (tmp_path / name).write_text(text.replace(line, broken))
    assert problems(tmp_path / name, name)


def test_the_active_workflow_is_the_one_of_ci() -> None:
    active = (ROOT / ".github" / "workflows" / "kms-e2e.yaml").read_text()
    assert active == (ROOT / "ci" / "github-actions.yaml").read_text()
