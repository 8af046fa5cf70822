"""Other people's libraries accept what we write: `make test-schemas`, which installs them apart (they are many)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from pipeline.core.go_binary import GoBinary, Module
from pipeline.core.sbom import cyclonedx, spdx
from pipeline.core.slsa import statements

SUM = "h1:Khu2En+0gcYPZ2kuIihfswbzxv/mIHXgzPZ018Oty48="
PROGRAM = GoBinary(
    "/bin/plugin",
    "go1.26.10 X:nocoverageredesign",
    (Module("example.com/plugin", "(devel)"), Module("example.com/x/v2", "v2.0.0-20260102030405-0123456789ab", SUM)),
)
DOCUMENT = {
    "kms_e2e": "0.1.0",
    "platform": "linux/amd64",
    "bootstrap": ["container"],
    "toolchains": [{"name": "go1.26.10", "platform": "linux/amd64", "h1": SUM}],
    "artifacts": [
        {
            "name": "kms-plugin",
            "sha256": "ab" * 32,
            "version": "v1.37.2",
            "go_version": "1.26.10",
            "package": "./cmd/plugin",
            "argv": ["go", "build", "-o", "kms-plugin", "./cmd/plugin"],
            "environment": {"CGO_ENABLED": "0"},
            "go_mod_sha256": "cd" * 32,
            "go_sum_sha256": "ef" * 32,
            "modules": ["example.com/plugin@(devel) -", f"example.com/x@v1.0.0+incompatible {SUM}"],
        }
    ],
}


def check_statement(document: dict[str, object]) -> None:
    Statement.copy_from_pb(json_format.ParseDict(document, statement_pb2.Statement())).validate()
    json_format.ParseDict(document["predicate"], provenance_pb2.Provenance())


def test_a_statement_is_one_of_in_toto_with_slsa_provenance() -> None:
    ((_, text),) = statements(DOCUMENT)
    check_statement(json.loads(text))


def test_the_twin_a_statement_with_another_field_is_not() -> None:
    ((_, text),) = statements(DOCUMENT)
    for broken in (
        {**json.loads(text), "subject": []},
        {**json.loads(text), "predicate": {"buildDefinition": {"sources": []}}},
    ):
        with pytest.raises((ValueError, json_format.ParseError)):
            check_statement(broken)


def test_cyclonedx_is_valid() -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_5)
    text = cyclonedx("plugin", "ab" * 32, PROGRAM)
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"library"', '"libary"')) is not None


def test_spdx_is_valid(tmp_path: Path) -> None:
    text = spdx("plugin", "ab" * 32, PROGRAM, tool="kms-e2e-0.1.0", created="2026-01-02T03:04:05Z")
    path = tmp_path / "plugin.spdx.json"
    path.write_text(text)
    assert validate_full_spdx_document(parse_file(str(path))) == []
    path.write_text(text.replace("https://spdx.org/spdxdocs", "no-uri"))
    assert validate_full_spdx_document(parse_file(str(path))) != []
