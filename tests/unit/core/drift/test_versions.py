from __future__ import annotations

import pytest

from pipeline.core.drift.model import Kind, Named
from pipeline.core.drift.versions import read_version, variable_kind
from pipeline.core.go_version import GoVersion


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("1.26.10", Named(exact=GoVersion(26, 10))),
        ("go1.26.10", Named(exact=GoVersion(26, 10))),
        ("1.27rc1", Named(exact=GoVersion(27, None, "rc", 1))),
        ("1.27.0-rc.1", Named(exact=GoVersion(27, None, "rc", 1))),
        ("1.27beta2", Named(exact=GoVersion(27, None, "beta", 2))),
        ("1.20.0", Named(exact=GoVersion(20))),
        ("1.21.0", Named(exact=GoVersion(21, 0))),
        ("1.26", Named(minor=26)),
        ("1.26.x", Named(minor=26)),
        ("1.26.*", Named(minor=26)),
        (">=1.26.3", Named()),
        ("^1.26", Named()),
        ("~1.26.3", Named(minor=26)),
        ("1", Named()),
        ("1.x", Named()),
        ("stable", Named()),
        ("latest", Named()),
    ],
)
def test_a_go_version_is_read(text: str, named: Named) -> None:
    assert read_version(text) == named


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v1.26.3",
        "1.26.3.4",
        "0.0.0",
        "2.26.3",
        "1.26.3-alpine",
        "1.26.3+build",
        "1,26",
        "1.2\uff16",
        "go",
        "1.",
        ".26",
        "1.1000",
    ],
)
def test_what_is_no_go_version_names_nothing(text: str) -> None:
    assert read_version(text) is None


def test_a_line_from_before_1_21_is_a_release_only_where_it_is_taken_exactly() -> None:
    assert read_version("1.20", Kind.EXACT) == Named(exact=GoVersion(20))
    assert read_version("1.20", Kind.RANGE) == Named(minor=20)
    assert read_version("1.21", Kind.EXACT) == Named(minor=21)


@pytest.mark.parametrize(
    "name",
    [
        "GO_VERSION",
        "go_version",
        "go-version",
        "goVersion",
        "GOVERSION",
        "GOLANG_VERSION",
        "GOTOOLCHAIN",
        "GO_TOOLCHAIN",
        "KUBE_GO_VERSION",
        "_GO_VERSION",
        "VENDORED_GO_VERSION",
        "DEFAULT_GO_VERSION",
        "GO_VERSION_CURRENT",
        "GoVersion",
    ],
)
def test_a_variable_of_the_go_version_is_known(name: str) -> None:
    assert variable_kind(name) is Kind.RANGE


@pytest.mark.parametrize(
    "name", ["MINIMUM_GO_VERSION", "minimum_go_version", "MIN_GO_VERSION", "goVersionMin", "REQUIRED_GO_VERSION"]
)
def test_a_minimum_is_a_lower_bound(name: str) -> None:
    assert variable_kind(name) is Kind.LOWER_BOUND


@pytest.mark.parametrize(
    "name",
    [
        "HUGO_VERSION",
        "MONGO_VERSION",
        "ARGO_VERSION",
        "CARGO_VERSION",
        "DJANGO_VERSION",
        "GINKGO_VERSION",
        "TINYGO_VERSION",
        "PROTOC_GEN_GO_VERSION",
        "CLIENT_GO_VERSION",
        "RULES_GO_VERSION",
        "AWS_SDK_GO_VERSION",
        "GO_LICENSES_VERSION",
        "GOLANGCI_LINT_VERSION",
        "GO_MAJOR_VERSION",
        "go_mod_version",
        "GOPLS_VERSION",
        "VERSION",
        "GO",
        "algo_version",
        "KUBERNETES_VERSION",
        "GO_JUNIT_REPORT_VERSION",
        "",
    ],
)
def test_a_variable_of_something_else_is_left_alone(name: str) -> None:
    assert variable_kind(name) is None
