from __future__ import annotations

import json

from pipeline.core.go_binary import GoBinary, Module
from pipeline.core.sbom import ROOT, TOOLCHAIN, cyclonedx, spdx

BINARY = GoBinary(
    "/out/plugin",
    "go1.26.10 X:nocoverageredesign",
    (
        Module("example.com/plugin", "(devel)"),
        Module("golang.org/x/net", "v0.50.0", "h1:abc="),
        Module("k8s.io/kms", "v0.37.2", "h1:def="),
    ),
)
PURLS = ["pkg:golang/std@1.26.10", "pkg:golang/golang.org/x/net@v0.50.0", "pkg:golang/k8s.io/kms@v0.37.2"]


def test_spdx_has_program_toolchain_and_each_module() -> None:
    text = spdx("plugin", "a" * 64, BINARY, tool="kms-e2e-1", created="2026-01-02T03:04:05Z")
    document = json.loads(text)
    packages = {package["SPDXID"]: package for package in document["packages"]}
    assert document["spdxVersion"] == "SPDX-2.3"
    assert packages[ROOT]["checksums"] == [{"algorithm": "SHA256", "checksumValue": "a" * 64}]
    assert packages[TOOLCHAIN]["externalRefs"][0]["referenceLocator"] == PURLS[0]
    referenced = [package for package in document["packages"] if "externalRefs" in package]
    assert [package["externalRefs"][0]["referenceLocator"] for package in referenced] == PURLS
    named = {relation["relatedSpdxElement"] for relation in document["relationships"]} | {TOOLCHAIN, "SPDXRef-DOCUMENT"}
    assert set(packages) | {"SPDXRef-DOCUMENT"} == named
    assert text == spdx("plugin", "a" * 64, BINARY, tool="kms-e2e-1", created="2026-01-02T03:04:05Z")


def test_cyclonedx_has_program_toolchain_and_each_module_by_the_same_names() -> None:
    document = json.loads(cyclonedx("kms-plugin", "ab" * 32, BINARY))
    assert document["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    go, own, net, _ = document["components"]
    assert (go["type"], go["version"]) == ("platform", "1.26.10")
    assert "purl" not in own
    assert [part["purl"] for part in document["components"] if "purl" in part] == PURLS
    assert net["properties"] == [{"name": "go.sum", "value": "h1:abc="}]
