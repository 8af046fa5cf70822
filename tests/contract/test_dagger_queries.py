"""The queries that each function of the module sends are the reviewed ones; no engine is needed.

After a wanted change: `python -m tests.contract.test_dagger_queries > tests/contract/snapshots/dagger-queries.txt`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from dagger import dag

from pipeline.core.components import CLUSTER, UPSTREAM_TESTS
from pipeline.core.result import RunReport, to_json
from pipeline.main import Kms
from tests.contract.recorded_queries import Recorder

SNAPSHOT = Path(__file__).parent / "snapshots" / "dagger-queries.txt"

SOURCE_FILES = {
    ".go-version": "1.26.10\n",
    "kms-e2e.toml": 'name = "example"\n[go]\nmodule = "."\n[run]\nargv = ["{assets}/kms-plugin", "{socket}"]\n',
    "go.mod": "module example.com/plugin\n\ngo 1.26.0\n",
    "locked-requirements.txt": "pytest==9.2.0 \\\n    --hash=sha256:00\n",
}
GRAPHS = ("pipeline/kubernetes/", "pipeline/kwok")
PROGRAMS = ("kms-plugin", "etcd", "etcdutl", "kube-apiserver", *CLUSTER, *UPSTREAM_TESTS)
REPORT = RunReport("7", "0", 1.0, 2.0, "example", "v1.37.2", "1.26.10", ".go-version", 0)


def answer(chain: str, field: str) -> object:
    """Answer as an engine would for a small plugin that builds and passes."""
    path = re.search(r'(?:file|exists)\(path: "(?:\./)?([^"]+)"\)$', f"{chain}.{field}" if "exists" in field else chain)
    if field.startswith("exists"):
        return path is not None and path[1] in {*SOURCE_FILES, "report.json"}
    if field == "contents" and path is not None:
        if path[1].startswith(GRAPHS):
            return f"// {path[1]}"
        return to_json(REPORT) if path[1] == "report.json" else SOURCE_FILES[path[1]]
    if field == "entries" and any(graph in chain for graph in GRAPHS):
        return ["go.mod", "go.sum"]
    if field == "stdout":
        return printed(chain)
    return {"entries": list(SOURCE_FILES), "size": 8, "exitCode": 0, "stderr": "", "defaultPlatform": "linux/amd64"}[
        field
    ]


def printed(chain: str) -> str:
    """Return what the last command of a chain prints."""
    last = chain.rpartition("withExec")[2]
    if '"sha256sum"' in last:
        return "".join(f"{'0' * 64}  /binaries/{name}\n" for name in PROGRAMS)
    if '"-m"' in last:
        names = re.findall(r"/binaries/([a-z0-9.-]+)", last)
        return "".join(f"/binaries/{name}: go1.26.10\n\tmod\texample.com/plugin\t(devel)\t\n" for name in names)
    return "go version go1.26.10 linux/amd64\n"


def toolchain_functions(kms: Kms) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return the functions of `toolchain`."""

    async def toolchain() -> object:
        made = (await kms.toolchain()).with_source(kms.source)
        return await (await made.container()).id()

    async def build() -> object:
        return await (await (await kms.toolchain()).with_source(kms.source).build("./cmd/x", ["-race"], cgo=True)).id()

    async def test() -> object:
        return await (await kms.toolchain()).with_source(kms.source).test()

    async def execute() -> object:
        return await (await (await kms.toolchain()).with_source(kms.source).exec(["go", "vet", "./..."])).id()

    return {
        "toolchain container": toolchain,
        "toolchain build": build,
        "toolchain test": test,
        "toolchain exec": execute,
    }


def functions(kms: Kms) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return every function of the module as a call that waits for its result."""

    async def image() -> object:
        return await (await (await kms.plugin()).image(revision="abc")).id()

    async def sbom() -> object:
        return await (await (await kms.plugin()).sbom()).id()

    async def assets() -> object:
        return await (await kms.assets()).id()

    async def test_image() -> object:
        return await (await kms.test_image()).id()

    async def control_plane() -> object:
        plane = await kms.control_plane()
        await plane.service().id()
        await (await plane.kubeconfig()).id()
        return await plane.bind(dag.container()).id()

    async def report() -> object:
        return await (await kms.report(focus="^A", parallel=2, shard="1/2", fast=True)).directory.id()

    async def upstream() -> object:
        return await (await kms.upstream(label_filter="sig-auth", parallel=4, plain=True)).directory.id()

    return {
        "go-version": kms.go_version,
        **toolchain_functions(kms),
        "plugin image": image,
        "plugin sbom": sbom,
        "assets": assets,
        "test-image": test_image,
        "control-plane": control_plane,
        "report": report,
        "upstream": upstream,
        "kms-e-2-e": kms.kms_e2e,
        "audit": kms.audit,
        "go-version-respected": kms.go_version_respected,
        "artifacts-reproducible": kms.artifacts_reproducible,
    }


def lines() -> Iterator[str]:
    """Return the queries of each function, a field a line; what an earlier function sent as well is not repeated."""
    recorder = Recorder(answer)
    for name in functions(kms()):
        yield name
        for query in recorder.record(functions(kms())[name]):
            yield "  " + query.replace(").with", ")\n      .with")


def kms() -> Kms:
    """Return the module's object for a plugin's repository and a run of a known name."""
    return Kms(source=dag.git("https://example.com/plugin.git").head().tree(), run_id="7")


def test_the_queries_are_the_reviewed_ones() -> None:
    assert "\n".join(lines()) + "\n" == SNAPSHOT.read_text()


def test_every_function_is_recorded() -> None:
    described = {name.split()[0] for name in functions(kms())}
    text = (SNAPSHOT.parent / "dagger-api.txt").read_text()
    own = text.partition("object Kms\n")[2].partition("\nobject ")[0]
    names = set(re.findall(r"^  ([a-z_0-9]+)(?: check)?(?: cache=\S+)?: ", own, re.MULTILINE)) - {"constructor"}
    assert {name.replace("kms_e2e", "kms_e_2_e").replace("_", "-") for name in names} - {"plugin"} <= described


if __name__ == "__main__":
    print("\n".join(lines()))
