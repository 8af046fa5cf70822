from __future__ import annotations

import pytest

from pipeline.core.drift.audit import Audit, Auditor
from pipeline.core.drift.exceptions import Exceptions
from pipeline.core.drift.model import Rule
from pipeline.errors import InputError


def audit(files: dict[str, str], exceptions: Exceptions | None = None) -> Audit:
    auditor = Auditor()
    for path, text in files.items():
        auditor.add(path, text)
    version = files.get(".go-version")
    return auditor.finish(None if version is None else version.encode(), exceptions or Exceptions())


def rules(files: dict[str, str]) -> list[tuple[str, Rule]]:
    return [(finding.text, finding.rule) for finding in audit(files).findings]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("FROM golang:1.26.3", None),
        ("FROM golang:1.26.3-alpine3.22", None),
        ("FROM golang:1.26.2", Rule.DRIFT),
        ("FROM golang:1.25", Rule.DRIFT),
        ("FROM golang:1.27rc1", Rule.DRIFT),
        ("FROM golang:1.26", Rule.FLOATING),
        ("FROM golang", Rule.FLOATING),
        (f"FROM golang:1.26@sha256:{'a' * 64}", Rule.OPAQUE),
        (f"FROM golang@sha256:{'a' * 64}", Rule.OPAQUE),
        (f"FROM golang:1.25@sha256:{'a' * 64}", Rule.DRIFT),
        (f"FROM golang:1.26.3@sha256:{'a' * 64}", None),
        ("RUN GOSUMDB=off go build", Rule.CHECKSUM_DATABASE_OFF),
    ],
)
def test_a_dockerfile_against_the_version_file(line: str, rule: Rule | None) -> None:
    found = audit({".go-version": "1.26.3\n", "Dockerfile": line + "\n"}).findings
    assert [finding.rule for finding in found] == ([] if rule is None else [rule])


def test_a_go_line_may_be_lower_and_not_higher() -> None:
    assert rules({".go-version": "1.26.3\n", "go.mod": "go 1.21\n"}) == []
    assert rules({".go-version": "1.26.3\n", "go.mod": "go 1.26.3\n"}) == []
    assert rules({".go-version": "1.26.3\n", "go.mod": "go 1.26.4\n"}) == [("1.26.4", Rule.LOWER_BOUND)]
    assert rules({".go-version": "1.26.3\n", "go.mod": "go 1.27\n"}) == [("1.27", Rule.LOWER_BOUND)]
    assert rules({".go-version": "1.27rc2\n", "go.mod": "go 1.27\n"}) == []


def test_a_toolchain_line_may_be_neither() -> None:
    for version in ("1.26.2", "1.26.4"):
        assert rules({".go-version": "1.26.3\n", "go.mod": f"go 1.21\ntoolchain go{version}\n"}) == [
            (version, Rule.DRIFT)
        ]


def test_the_source_in_force_is_told() -> None:
    assert audit({".go-version": "1.26.3\n", "go.mod": "toolchain go1.26.3\n"}).truth.file == ".go-version"
    toolchain = audit({"go.mod": "go 1.25.0\ntoolchain go1.26.3\n"}).truth
    assert (str(toolchain.version), toolchain.file) == ("1.26.3", "go.mod")
    assert "toolchain line decides" in toolchain.reason
    implicit = audit({"go.mod": "go 1.25.0\n"}).truth
    assert (str(implicit.version), "implicit" in implicit.reason) == ("1.25.0", True)
    assert not audit({"sub/go.mod": "go 1.25.0\n"}).truth.known


@pytest.mark.parametrize(
    "content", ["1.26", "1.26.x", "../../etc/passwd", "1.26.3\nGOSUMDB=off", "", "local", "1.26.3\0", "\uff11.26.3"]
)
def test_an_unusable_version_file_is_a_finding_and_go_mod_takes_over(content: str) -> None:
    found = audit({".go-version": content, "go.mod": "go 1.21\ntoolchain go1.26.3\n"})
    assert [(finding.rule, finding.file) for finding in found.findings] == [(Rule.BAD_SOURCE, ".go-version")]
    assert str(found.truth.version) == "1.26.3"


def test_a_version_file_that_could_not_be_read_is_a_finding() -> None:
    found = Auditor().finish(InputError("it is a FIFO"), Exceptions())
    assert [finding.rule for finding in found.findings] == [Rule.BAD_SOURCE]


def test_without_a_source_only_disagreement_is_wrong() -> None:
    assert rules({"Dockerfile": "FROM golang:1.26.3", "a.sh": "GO_VERSION=1.26.3"}) == []
    found = rules({"Dockerfile": "FROM golang:1.26.3", "a.sh": "GO_VERSION=1.26.4"})
    assert found == [("1.26.3", Rule.NO_SINGLE_SOURCE), ("1.26.4", Rule.NO_SINGLE_SOURCE)]


def test_a_pointer_is_judged_by_where_it_leads() -> None:
    step = "jobs:\n  a:\n    steps:\n      - with:\n          go-version-file: {}\n"
    files = {
        ".go-version": "1.26.3\n",
        "go.mod": "go 1.26.0\n",
        "b/go.mod": "go 1.21\ntoolchain go1.26.3\n",
        "c/go.mod": "go 1.26\n",
    }
    expected = {
        "go.mod": Rule.DRIFT,
        "./go.mod": Rule.DRIFT,
        "b/go.mod": None,
        "c/go.mod": Rule.FLOATING,
        ".go-version": None,
        "gone": None,
    }
    for target, rule in expected.items():
        found = audit({**files, ".github/workflows/ci.yml": step.format(target)}).findings
        assert [finding.rule for finding in found] == ([] if rule is None else [rule]), target


def test_corrections_are_offered_only_where_they_are_safe() -> None:
    files = {
        ".go-version": "1.26.3\n",
        "Dockerfile": "FROM golang:1.25-alpine\n"
        f"FROM golang:1.25@sha256:{'a' * 64}\nFROM golang\nFROM golang:bookworm\n",
        ".github/workflows/a.yml": "jobs:\n  a:\n    strategy:\n      matrix:\n        go: ['1.25', '1.24']\n",
        "go.mod": "go 1.27.0\n",
    }
    offered = [(finding.file, finding.text, finding.correction) for finding in audit(files).findings]
    assert offered == [
        (".github/workflows/a.yml", "1.25", None),
        (".github/workflows/a.yml", "1.24", None),
        ("Dockerfile", "1.25", "1.26.3"),
        ("Dockerfile", "1.25", None),
        ("Dockerfile", "golang", "golang:1.26.3"),
        ("Dockerfile", "bookworm", None),
        ("go.mod", "1.27.0", None),
    ]
