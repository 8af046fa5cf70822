from __future__ import annotations

import json

import pytest

from pipeline.core.go_binary import GoBinary, Module, parse_go_binaries
from pipeline.core.spdx import ROOT, TOOLCHAIN, spdx
from pipeline.errors import InputError

OUTPUT = (
    "/out/plugin: go1.26.10 X:nocoverageredesign\n\tpath\texample.com/plugin\n\tmod\texample.com/plugin\t(devel)\t\n"
    "\tdep\tgolang.org/x/net\tv0.50.0\th1:abc=\n"
    "\tdep\tk8s.io/kms\tv0.0.0\n\t=>\tk8s.io/kms\tv0.37.2\th1:def=\n\tbuild\t-trimpath=true\n"
)
BINARY = GoBinary(
    "/out/plugin",
    "go1.26.10 X:nocoverageredesign",
    (
        Module("example.com/plugin", "(devel)"),
        Module("golang.org/x/net", "v0.50.0", "h1:abc="),
        Module("k8s.io/kms", "v0.37.2", "h1:def="),
    ),
)


def test_a_program_tells_its_go_and_its_modules_without_the_replaced_ones() -> None:
    assert parse_go_binaries(OUTPUT) == (BINARY,)


def test_what_is_no_answer_is_refused() -> None:
    with pytest.raises(InputError):
        parse_go_binaries("")


def test_the_bill_of_materials_has_program_toolchain_and_each_module() -> None:
    text = spdx("plugin", "a" * 64, BINARY, tool="kms-e2e-1", created="2026-01-02T03:04:05Z")
    document = json.loads(text)
    packages = {package["SPDXID"]: package for package in document["packages"]}
    assert document["spdxVersion"] == "SPDX-2.3"
    assert packages[ROOT]["checksums"] == [{"algorithm": "SHA256", "checksumValue": "a" * 64}]
    assert packages[TOOLCHAIN]["externalRefs"][0]["referenceLocator"] == "pkg:golang/std@1.26.10"
    locators = [
        package["externalRefs"][0]["referenceLocator"] for package in document["packages"] if "externalRefs" in package
    ]
    assert locators[1:] == ["pkg:golang/golang.org/x/net@v0.50.0", "pkg:golang/k8s.io/kms@v0.37.2"]
    named = {relation["relatedSpdxElement"] for relation in document["relationships"]} | {TOOLCHAIN, "SPDXRef-DOCUMENT"}
    assert set(packages) | {"SPDXRef-DOCUMENT"} == named
    assert text == spdx("plugin", "a" * 64, BINARY, tool="kms-e2e-1", created="2026-01-02T03:04:05Z")
