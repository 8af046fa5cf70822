from __future__ import annotations

import json

import pytest

from pipeline.core.go_binary import GoBinary, Module, parse_go_binaries
from pipeline.core.sbom import cyclonedx
from pipeline.errors import InputError

OUTPUT = (
    "/binaries/etcd: go1.26.10\n"
    "\tpath\tgo.etcd.io/etcd/server/v3\n"
    "\tmod\tgo.etcd.io/etcd/server/v3\tv3.7.0\th1:own=\n"
    "\tdep\tgolang.org/x/sys\tv0.47.0\th1:sys=\n"
    "\tbuild\t-trimpath=true\n"
    "/binaries/kms-plugin: go1.26.8\n"
    "\tmod\texample.com/plugin\t(devel)\t\n"
)


def test_each_program_has_its_go_and_its_modules() -> None:
    etcd, plugin = parse_go_binaries(OUTPUT)
    assert (etcd.path, etcd.go_version) == ("/binaries/etcd", "go1.26.10")
    assert etcd.modules[1] == Module("golang.org/x/sys", "v0.47.0", "h1:sys=")
    assert (plugin.go_version, len(etcd.modules)) == ("go1.26.8", 2)


@pytest.mark.parametrize("output", ["", "go: no such file\n", "/bin/true: not executable file\n"])
def test_an_output_without_a_program_is_refused(output: str) -> None:
    with pytest.raises(InputError, match="names no program"):
        parse_go_binaries(output)


def test_a_bill_of_materials_names_go_and_every_module() -> None:
    binary = GoBinary(
        "p", "go1.26.10", (Module("example.com/own", "(devel)"), Module("golang.org/x/sys", "v1", "h1:a"))
    )
    document = json.loads(cyclonedx("kms-plugin", "ab" * 32, binary))
    assert document["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    go, own, system = document["components"]
    assert go["purl"] == "pkg:golang/std@1.26.10"
    assert "purl" not in own
    assert system["purl"] == "pkg:golang/golang.org/x/sys@v1"
    assert system["properties"] == [{"name": "go.sum", "value": "h1:a"}]
