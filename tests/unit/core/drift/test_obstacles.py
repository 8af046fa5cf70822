"""Where no correction is offered, and that the finding says why."""

from __future__ import annotations

import pytest

from pipeline.core.drift.audit import Auditor
from pipeline.core.drift.exceptions import Exceptions
from pipeline.core.drift.model import Finding

WORKFLOW = ".github/workflows/a.yml"


def findings(path: str, text: str, version: bytes = b"1.26.9\n") -> list[Finding]:
    auditor = Auditor()
    auditor.add(path, text)
    return list(auditor.finish(version, Exceptions()).findings)


@pytest.mark.parametrize(
    "text",
    [
        "matrix:\n  include:\n  - go: 1.25.3\n    os: linux\n",
        "matrix: {include: [{go: 1.25.3}, {os: linux}]}\n",
        "strategy:\n  matrix:\n    include:\n    - GO_VERSION: 1.25.3\n",
        "strategy:\n  matrix:\n    include:\n    - image: golang:1.25.3\n",
        "strategy:\n  matrix:\n    include:\n    - run: docker run golang:1.25.3 go test\n",
        "strategy:\n  matrix:\n    include:\n    - tags: [golang:1.25.3]\n",
        "parallel:\n  matrix:\n  - GO_VERSION: 1.25.3\n  - GO_VERSION: 1.26.9\n",
        "strategy:\n  matrix:\n    old: {goVersion: 1.25.3}\n    new: {goVersion: 1.26.9}\n",
        "jobs:\n  include:\n  - go: 1.25.3\n",
        "matrix:\n  go: [1.25.3, 1.26.9]\n",
        "matrix:\n  image: ['golang:1.25.3', 'golang:1.26.9']\n",
    ],
)
def test_versions_of_a_matrix_are_there_on_purpose(text: str) -> None:
    (finding,) = findings(WORKFLOW, text)
    assert finding.correction is None
    assert "matrix" in finding.obstacle or "several versions" in finding.obstacle


@pytest.mark.parametrize(
    "text",
    [
        "matrix:\n  go: [1.25.3]\n",
        "strategy:\n  matrix:\n    go:\n    - 1.25.3\n",
        "matrix: {parameters: {go-version: [1.25.3]}}\n",
    ],
)
def test_the_only_version_of_a_matrix_is_corrected(text: str) -> None:
    (finding,) = findings(WORKFLOW, text)
    assert (finding.correction, finding.obstacle) == ("1.26.9", "")


def test_what_a_matrix_excludes_runs_nowhere() -> None:
    text = "matrix:\n  go: [1.26.9]\n  exclude:\n  - go: 1.25.3\n    os: windows\n"
    assert findings(WORKFLOW, text) == []


@pytest.mark.parametrize(
    ("image", "correction"),
    [
        ("golang:1.25.3", "1.26.9"),
        ("golang:1.25", "1.26.9"),
        ("golang:latest", "1.26.9"),
        ("golang", "golang:1.26.9"),
        ("golang:1.25.3-alpine", "1.26.9"),
        ("golang:alpine", "1.26.9-alpine"),
        ("golang:1.26.3-bookworm", "1.26.9"),
        ("docker.io/library/golang:1.25.3", "1.26.9"),
        ("docker.io/golang:1.25.3", "1.26.9"),
        ("library/golang:1.25.3", "1.26.9"),
        ("mirror.gcr.io/library/golang:1.25.3", "1.26.9"),
        ("public.ecr.aws/docker/library/golang:1.25.3-alpine", "1.26.9"),
        ("cimg/go:1.25.3", "1.26.9"),
        ("cimg/go:1.25.3-node", "1.26.9"),
    ],
)
def test_images_whose_tags_carry_full_versions_are_corrected(image: str, correction: str) -> None:
    (finding,) = findings("Dockerfile", f"FROM {image}\n")
    assert (finding.correction, finding.obstacle) == (correction, "")


@pytest.mark.parametrize(
    "image",
    [
        "mcr.microsoft.com/devcontainers/go:1-1.25-bookworm",
        "mcr.microsoft.com/devcontainers/go:1.25",
        "gcr.io/cloud-builders/go:1.25",
        "gcr.io/cloud-builders/go",
        "ghcr.io/goreleaser/goreleaser-cross:v1.25.3",
        "registry.k8s.io/build-image/kube-cross:v1.37.0-go1.25.3-bookworm.0",
        "registry.k8s.io/build-image/kube-cross:v1.37.0-go-1.25.3",
        "cgr.dev/chainguard/go:1.25",
        "cgr.dev/chainguard/go:latest",
        "bitnami/golang:1.25.3",
        "registry.access.redhat.com/ubi9/go-toolset:1.25.3",
        "circleci/golang:1.16",
        "mcr.microsoft.com/oss/go/microsoft/golang:1.25.3",
        "registry.example.com/team/golang:1.25.3",
        "docker.elastic.co/beats-dev/golang-crossbuild:1.25.3-main",
        "goboring/golang:1.18.3b7",
    ],
)
def test_images_with_tags_of_their_own_are_told_and_left(image: str) -> None:
    (finding,) = findings("Dockerfile", f"FROM {image}\n")
    assert finding.correction is None
    assert "tag" in finding.obstacle


@pytest.mark.parametrize(
    "tag", ["1.25.3-bookworm", "1.20-buster", "1.26.3-alpine3.22", "alpine3.22", "1.25-nanoserver-ltsc2022", "trixie"]
)
def test_a_tag_that_the_registry_may_not_have_is_not_written(tag: str) -> None:
    (finding,) = findings("Dockerfile", f"FROM golang:{tag}\n")
    assert finding.correction is None
    assert "may not exist" in finding.obstacle


@pytest.mark.parametrize(
    ("path", "text", "word"),
    [
        ("Dockerfile", "FROM golang:1.25@sha256:" + "a" * 64 + "\n", "digest"),
        ("Dockerfile", "ARG A=1.25\nARG B=3\nFROM golang:${A}.${B}\n", "several arguments"),
        ("Dockerfile", "RUN apk add go=1.25.1-r0\n", "distribution"),
        ("shell.nix", "{ packages = [ pkgs.go_1_25 ]; }\n", "nixpkgs"),
        ("mise.toml", '[tools]\ngo = ["1.25.3", "1.26.9"]\n', "several versions"),
        ("mise.lock", '[[tools.go]]\nversion = "1.25.3"\n', "lock"),
        (WORKFLOW, "steps:\n- uses: actions/setup-go@v6\n", "go-version-file"),
    ],
)
def test_every_finding_without_a_correction_says_why(path: str, text: str, word: str) -> None:
    (finding,) = findings(path, text)
    assert finding.correction is None
    assert word in finding.obstacle


def test_an_exact_version_that_is_not_in_force_is_no_obstacle_of_its_own() -> None:
    """Without an exact version there is nothing to write, whatever the place."""
    auditor = Auditor()
    auditor.add("go.mod", "go 1.26\n")
    auditor.add("Dockerfile", "FROM golang:1.25.3\n")
    (finding,) = auditor.finish(None, Exceptions()).findings
    assert (finding.correction, finding.obstacle) == (None, "no exact version is in force")
