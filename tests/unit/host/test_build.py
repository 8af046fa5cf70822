"""From a request to a folder of assets, with builds that are only pretended."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from pipeline.core.architectures import FOLDER
from pipeline.core.build_plan import PluginSource
from pipeline.core.components import COMPONENTS
from pipeline.core.kubernetes import DEFAULT_RELEASE
from pipeline.core.plugin_spec import PluginSpec, plugin_spec_from_json
from pipeline.errors import InputError
from pipeline.host.build import BuildRequest, build_assets, resolve_go
from pipeline.host.cache import BinaryCache, Entry
from pipeline.host.compile import Builder, Built, Job
from pipeline.host.jobs import control_plane_jobs, plugin_tree
from pipeline.host.kubernetes_sources import Tree
from pipeline.host.project import reference_project
from pipeline.host.source import file_digest

CGO = PluginSource(module="plugins/reference", cgo=True)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"KMS_E2E_CACHE": str(tmp_path / "cache")}


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Record the jobs, and store a text in place of every binary."""
    done: list[Job] = []

    def pretend(builder: Builder, job: Job) -> tuple[Built, ...]:
        done.append(job)
        return tuple(
            Built(main, _stored(builder, f"{main.name} with {job.go.version}", main.name), compiled=True)
            for main in job.build.mains
        )

    monkeypatch.setattr(Builder, "build", pretend)
    return done


def _stored(builder: Builder, content: str, name: str) -> Entry:
    binary = builder.paths.temporary / name
    binary.write_text(content)
    entry = Entry(name * 8, name, file_digest(binary), len(content), "go1.26.10", modules=("example.com/x@v1 h1:x=",))
    return BinaryCache(builder.paths).store(binary, entry)


def test_everything_for_a_run_with_the_reference_plugin(
    environment: dict[str, str], jobs: list[Job], tmp_path: Path
) -> None:
    assets = build_assets(BuildRequest(environment=environment, output=tmp_path / "assets"))
    names = {path.name for path in (tmp_path / "assets").iterdir()}
    programs = {"kms-plugin", "etcd", "etcdutl", "kube-apiserver"}
    assert names == {*programs, "plugin.json", "provenance.json", "attestations"}
    statements = {path.name for path in (tmp_path / "assets" / "attestations").iterdir()}
    assert statements == {f"{name}.intoto.json" for name in programs}
    assert [job.build.label for job in jobs] == ["plugin", "etcd", "kubernetes"]
    assert (assets.kubernetes, assets.go_version) == ("v1.37.2", "1.26.10")
    spec = plugin_spec_from_json((assets.folder / "plugin.json").read_text(), where="plugin.json")
    assert spec.argv[0] == "{assets}/kms-plugin"
    assert {"rotate", "disable_old_key", "backend_calls", "metrics"} <= set(spec.hooks)


def test_provenance_tells_versions_flags_sums_and_who_named_the_go(
    environment: dict[str, str], jobs: list[Job], tmp_path: Path
) -> None:
    build_assets(BuildRequest(environment=environment, output=tmp_path / "assets"))
    document = json.loads((tmp_path / "assets" / "provenance.json").read_text())
    assert (document["kubernetes"], document["go_version"]) == ("v1.37.2", "1.26.10")
    assert document["go_version_source"].startswith(".go-version (")
    assert [step["outcome"] for step in document["go_version_steps"]].count("won") == 1
    artifacts = {artifact["name"]: artifact for artifact in document["artifacts"]}
    server = artifacts["kube-apiserver"]
    assert server["sha256"] == file_digest(tmp_path / "assets" / "kube-apiserver")
    assert "-trimpath" in server["argv"]
    assert server["environment"]["GOTOOLCHAIN"] == "go1.26.10"
    assert server["modules"] == ["example.com/x@v1 h1:x="]
    assert server["go_sum_sha256"] == file_digest(jobs[2].folder / "go.sum")
    assert artifacts["etcd"]["version"] == DEFAULT_RELEASE.etcd_version


def test_the_plugins_go_does_not_decide_about_kubernetes(environment: dict[str, str], jobs: list[Job]) -> None:
    build_assets(BuildRequest(environment={**environment, "GO_VERSION": "1.25.9"}))
    assert [job.go.version for job in jobs] == ["go1.25.9", "go1.26.10", "go1.26.10"]


@pytest.mark.usefixtures("jobs")
def test_folders_in_the_cache_are_told_apart_by_their_content(environment: dict[str, str]) -> None:
    first = build_assets(BuildRequest(environment=environment))
    again = build_assets(BuildRequest(environment=environment))
    other = build_assets(BuildRequest(environment=environment, spec=PluginSpec("other", ("{assets}/kms-plugin",))))
    assert first.folder == again.folder
    assert first.folder != other.folder
    assert '"name": "other"' in (other.folder / "plugin.json").read_text()


def test_parts_can_be_left_out(environment: dict[str, str], jobs: list[Job]) -> None:
    build_assets(BuildRequest(environment=environment, kubernetes=None))
    build_assets(BuildRequest(environment=environment, with_plugin=False))
    assert [job.build.label for job in jobs] == ["plugin", "etcd", "kubernetes"]


def test_another_plugin_without_description_gets_no_plugin_json(
    environment: dict[str, str], jobs: list[Job], tmp_path: Path
) -> None:
    source = _module(tmp_path / "source")
    output = tmp_path / "assets"
    output.mkdir()
    (output / "plugin.json").write_text("of an earlier plugin")
    build_assets(BuildRequest(source=source, environment=environment, kubernetes=None, output=output))
    assert jobs[0].folder == source
    assert not (output / "plugin.json").exists()


@pytest.mark.parametrize("wrong", [{"GOPRIVATE": "*"}, {"GO_VERSION": "1.26"}, {"GOTOOLCHAIN": "go1"}])
def test_wrong_input_is_refused_before_anything_is_made(
    environment: dict[str, str], jobs: list[Job], wrong: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(InputError):
        build_assets(BuildRequest(environment=environment | wrong))
    assert not jobs
    assert not (tmp_path / "cache").exists()


def test_the_module_is_found_above_the_package(tmp_path: Path) -> None:
    source = tmp_path / "source"
    _module(source / "plugins" / "vault")
    tree = plugin_tree(source, PluginSource(package="./plugins/vault/cmd/kms"))
    assert tree.source == PluginSource(module="plugins/vault", package="cmd/kms")
    with pytest.raises(InputError, match="no Go module"):
        plugin_tree(source, PluginSource(package="cmd"))


def test_a_module_at_the_top_is_taken_first(tmp_path: Path) -> None:
    _module(tmp_path)
    _module(tmp_path / "cmd")
    assert plugin_tree(tmp_path, PluginSource(package="cmd")).source.module == "."


def test_a_source_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        plugin_tree(tmp_path / "absent", PluginSource())


def test_the_graphs_of_the_control_plane_are_in_the_package() -> None:
    for job in control_plane_jobs(DEFAULT_RELEASE, more=tuple(COMPONENTS)):
        assert (job.folder / "go.sum").is_file()
        assert job.digest() == job.digest()


def _module(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "go.mod").write_text("module example.com/x\n\ngo 1.26.0\n")
    (folder / ".go-version").write_text("1.26.10\n")
    return folder


def test_a_plugin_within_a_kubernetes_tree_has_the_trees_go(tmp_path: Path) -> None:
    mock = tmp_path / "tree" / "staging" / "mock"
    mock.mkdir(parents=True)
    (tmp_path / "tree" / ".go-version").write_text("1.26.5\n")
    (mock / "go.mod").write_text("module x\n\ngo 1.26.0\n")
    request = BuildRequest(kubernetes_source=Tree(tmp_path / "tree"), environment={})
    chosen = resolve_go(plugin_tree(mock, PluginSource()), request)
    assert (str(chosen.version), str(tmp_path / "tree" / ".go-version") in chosen.source) == ("1.26.5", True)
    alone = resolve_go(plugin_tree(mock, PluginSource()), BuildRequest(environment={}))
    assert str(alone.version) == "1.26.0"


def test_the_plugin_alone_is_built_for_another_architecture_too(
    environment: dict[str, str], jobs: list[Job], tmp_path: Path
) -> None:
    build_assets(BuildRequest(environment=environment, output=tmp_path / "assets", other_architecture="s390x"))
    assert [(job.build.label, job.built_for) for job in jobs if job.target] == [("plugin", "linux/s390x")]
    assert {job.platform for job in jobs} == {jobs[0].platform}, "the Go command is this machine's"
    folder = tmp_path / "assets" / FOLDER
    assert {path.name for path in folder.iterdir()} == {"kms-plugin", "plugin.json", "provenance.json", "attestations"}
    document = json.loads((folder / "provenance.json").read_text())
    assert (document["platform"], document["artifacts"][0]["environment"]["GOARCH"]) == ("linux/s390x", "s390x")
    build_assets(BuildRequest(environment=environment, output=tmp_path / "assets"))
    assert not folder.exists(), "a later build without it leaves nothing of it"


@pytest.mark.usefixtures("jobs")
@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (BuildRequest(with_plugin=False, other_architecture="arm64"), "only a plugin that is built here"),
        (BuildRequest(source=reference_project().root, plugin=CGO, target="linux/arm64"), "cgo"),
    ],
)
def test_what_cannot_be_built_for_another_architecture(
    environment: dict[str, str], tmp_path: Path, request_: BuildRequest, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        build_assets(dataclasses.replace(request_, environment=environment, output=tmp_path / "assets"))
