from __future__ import annotations

import pytest

from pipeline.core.go_binary import GoBinary, Module, parse_go_binaries
from pipeline.errors import InputError

OUTPUT = (
    "/out/plugin: go1.26.10 X:nocoverageredesign\n\tpath\texample.com/plugin\n\tmod\texample.com/plugin\t(devel)\t\n"
    "\tdep\tgolang.org/x/net\tv0.50.0\th1:abc=\n"
    "\tdep\tk8s.io/kms\tv0.0.0\n\t=>\tk8s.io/kms\tv0.37.2\th1:def=\n\tbuild\t-trimpath=true\n"
    "/binaries/etcd: go1.26.8\n\tmod\tgo.etcd.io/etcd/server/v3\tv3.7.0\th1:own=\n"
)
PLUGIN = GoBinary(
    "/out/plugin",
    "go1.26.10 X:nocoverageredesign",
    (
        Module("example.com/plugin", "(devel)"),
        Module("golang.org/x/net", "v0.50.0", "h1:abc="),
        Module("k8s.io/kms", "v0.37.2", "h1:def="),
    ),
)
ETCD = GoBinary("/binaries/etcd", "go1.26.8", (Module("go.etcd.io/etcd/server/v3", "v3.7.0", "h1:own="),))


def test_each_program_tells_its_go_and_its_modules_without_the_replaced_ones() -> None:
    assert parse_go_binaries(OUTPUT) == (PLUGIN, ETCD)


@pytest.mark.parametrize("output", ["", "go: no such file\n", "/bin/true: not executable file\n"])
def test_an_output_without_a_program_is_refused(output: str) -> None:
    with pytest.raises(InputError, match="names no program"):
        parse_go_binaries(output)
