"""`Toolchain` hands on everything when it is changed; no engine is needed."""

from __future__ import annotations

from dagger import dag

from pipeline.containers.toolchain import Toolchain
from pipeline.core.go_version import GoVersion, parse_go_version
from tests.contract.recorded_queries import Recorder

OLDER: GoVersion = parse_go_version(b"1.25.9", where="test")


def test_a_change_keeps_the_rest_and_the_original() -> None:
    first = Toolchain(go_version="1.26.10", gotoolchain="go1.26.10", goproxy="http://proxy")
    changed = (
        first.with_packages(["libpcsclite-dev"]).with_source(dag.directory(), "cmd").with_toolchain(OLDER, "go1.25.9")
    )
    assert (changed.packages, changed.folder, changed.goproxy) == (["libpcsclite-dev"], "cmd", "http://proxy")
    assert (changed.go_version, changed.gotoolchain) == ("1.25.9", "go1.25.9")
    assert (first.packages, first.folder, first.go_version) == (None, ".", "1.26.10")


def test_packages_for_a_build_with_cgo_are_installed_in_the_container() -> None:
    toolchain = Toolchain(go_version="1.26.10", gotoolchain="go1.26.10").with_packages(["libpcsclite-dev"])

    async def container() -> object:
        return await (await toolchain.container()).id()

    lines = Recorder(lambda _chain, _field: "go version go1.26.10 linux/amd64\n").record(container)
    assert any("--no-install-recommends libpcsclite-dev" in line for line in lines)
