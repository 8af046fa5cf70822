"""A build plan is data: the same everywhere, and named by all that decides the bytes."""

from __future__ import annotations

import dataclasses

import pytest

from pipeline.core.build_plan import (
    FIXED_FLAGS,
    BuildPlan,
    GoBuild,
    Main,
    PluginSource,
    content_key,
    control_plane_plan,
    plugin_plan,
)
from pipeline.core.components import PREVIOUS_API_SERVER
from pipeline.core.kubernetes import DEFAULT_RELEASE, RELEASES, KubernetesRelease
from pipeline.errors import InputError

BUILDS = control_plane_plan(DEFAULT_RELEASE)
ETCD, KUBERNETES = BUILDS


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("go.etcd.io/etcd/server/v3", "server"),
        ("go.etcd.io/etcd/etcdutl/v3", "etcdutl"),
        ("k8s.io/kubernetes/cmd/kube-apiserver", "kube-apiserver"),
        ("./cmd/plugin", "plugin"),
        (".", "kms-plugin"),
        ("example.com/version", "version"),
    ],
)
def test_knows_what_go_build_names_a_binary(package: str, name: str) -> None:
    assert Main("kms-plugin", package).built_as == name


def test_every_build_has_the_fixed_flags_and_the_kubernetes_go() -> None:
    for build in BUILDS:
        assert set(FIXED_FLAGS) <= set(build.argv("out/"))
        environment = dict(build.environment("linux/arm64"))
        assert environment == {
            "CGO_ENABLED": "0",
            "GOARCH": "arm64",
            "GOOS": "linux",
            "GOTOOLCHAIN": "go1.26.10",
            "GOWORK": "off",
        }


def test_kube_apiserver_is_built_as_upstream_does() -> None:
    argv = KUBERNETES.argv("out/kube-apiserver")
    assert "-tags=selinux,notest,grpcnotrace" in argv
    (ldflags,) = [word for word in argv if word.startswith("-ldflags=")]
    for package in ("k8s.io/client-go/pkg/version", "k8s.io/component-base/version"):
        assert f"-X {package}.gitVersion=v1.37.2" in ldflags
    assert "gitCommit" not in ldflags
    assert not set(ldflags) & set("'\"")  # the Go command refuses a value that begins with a quote
    assert argv[-1] == "k8s.io/kubernetes/cmd/kube-apiserver"


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.minor)
def test_every_release_is_built_with_its_own_go_and_runs_on_the_one_etcd(release: KubernetesRelease) -> None:
    etcd, kubernetes = control_plane_plan(release)
    assert etcd == ETCD
    assert kubernetes.gotoolchain == release.go_version.toolchain
    assert kubernetes.module == f"kubernetes/{release.minor}/kube-apiserver"


def test_kube_apiserver_of_the_line_before_is_that_releases_own_binary_under_another_name() -> None:
    *_, before = control_plane_plan(RELEASES[0], more=[PREVIOUS_API_SERVER])
    alone = control_plane_plan(RELEASES[1])[1]
    assert (before.mains[0].name, before.mains[0].placed_as) == ("kube-apiserver", PREVIOUS_API_SERVER)
    assert before.argv("out", before.mains) == alone.argv("out", alone.mains)
    assert (before.module, before.gotoolchain) == (alone.module, alone.gotoolchain)
    assert len(control_plane_plan(RELEASES[-1], more=[PREVIOUS_API_SERVER])) == len(BUILDS)


def test_controller_manager_is_built_on_request_after_the_others_in_the_same_graph() -> None:
    assert BuildPlan("linux/amd64", BUILDS).names == ("etcd", "etcdutl", "kube-apiserver")
    *before, manager = control_plane_plan(DEFAULT_RELEASE, more=("kube-controller-manager",) * 2)
    assert tuple(before) == BUILDS
    assert [main.name for main in manager.mains] == ["kube-controller-manager"]
    assert (manager.module, manager.tags, manager.ldflags) == (KUBERNETES.module, KUBERNETES.tags, KUBERNETES.ldflags)


def test_upstreams_tests_are_a_test_program_with_the_stamps_of_their_kubernetes() -> None:
    (build,) = control_plane_plan(DEFAULT_RELEASE, more=("e2e.test",))[len(BUILDS) :]
    argv = build.argv("out/e2e.test")
    assert argv[:3] == ("go", "test", "-c")
    assert "-v" not in argv
    assert (build.ldflags, build.tags) == (KUBERNETES.ldflags, KUBERNETES.tags)
    assert build.module == f"kubernetes/{DEFAULT_RELEASE.minor}/e2e"
    assert argv[-1] == "k8s.io/kubernetes/test/e2e"


def test_what_does_not_belong_to_kubernetes_has_neither_its_stamps_nor_its_tags() -> None:
    for build in control_plane_plan(DEFAULT_RELEASE, more=("ginkgo", "kwok"))[len(BUILDS) :]:
        assert (build.ldflags, build.tags) == (("-s", "-w"), ())
        assert build.mains[0].version != DEFAULT_RELEASE.git_version


def test_a_program_that_kubernetes_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="kube-controller-manager"):
        control_plane_plan(DEFAULT_RELEASE, more=("cloud-controller-manager",))


def test_limit_of_compilers_is_part_of_the_command_and_not_of_the_key() -> None:
    assert "-p=2" in ETCD.argv("out/", parallel=2)
    assert key(ETCD) == key(ETCD)


def test_plugin_is_named_and_built_in_its_module() -> None:
    build = plugin_plan(PluginSource(module="plugins/x", package="cmd/kms/", tags=("a", "b")), "go1.26.10")
    assert build.argv("out/kms-plugin")[-1] == "./cmd/kms"
    assert "-tags=a,b" in build.argv("out/kms-plugin")
    assert (build.module, build.mains[0].name, build.pinned) == ("plugins/x", "kms-plugin", False)


def test_linker_flags_with_spaces_are_quoted_as_go_splits_them() -> None:
    build = plugin_plan(PluginSource(ldflags=("-X", "main.name=a b", "main.it's c")), "go1.26.10")
    assert "-ldflags=-X 'main.name=a b' \"main.it's c\"" in build.argv("out")
    with pytest.raises(InputError, match="quotes"):
        plugin_plan(PluginSource(ldflags=("a 'b' \"c\"",)), "go1.26.10").argv("out")


def test_cgo_is_switched_on_by_the_plugin_alone() -> None:
    assert dict(plugin_plan(PluginSource(cgo=True), "go1.26.10").environment("linux/amd64"))["CGO_ENABLED"] == "1"


@pytest.mark.parametrize(
    "source",
    [
        PluginSource(package="../other"),
        PluginSource(package="/etc"),
        PluginSource(package="cmd/../../other"),
        PluginSource(package="-toolexec=/bin/sh"),
        PluginSource(module=".."),
        PluginSource(tags=("a b",)),
        PluginSource(tags=("a,-toolexec=x",)),
        PluginSource(tags=("",)),
    ],
)
def test_a_source_that_leaves_its_tree_or_adds_flags_is_refused(source: PluginSource) -> None:
    with pytest.raises(InputError):
        plugin_plan(source, "go1.26.10")


def key(build: GoBuild, *, go: str = "go1.26.10", platform: str = "linux/amd64", digest: str = "d") -> str:
    return content_key(build, build.mains[0], platform=platform, go=go, source_digest=digest)


def test_content_key_changes_with_everything_that_decides_the_bytes() -> None:
    build = plugin_plan(PluginSource(), "go1.26.10")
    keys = [
        key(build),
        key(build, go="go1.26.11"),
        key(build, platform="linux/arm64"),
        key(build, digest="other"),
        key(dataclasses.replace(build, tags=("a",))),
        key(dataclasses.replace(build, ldflags=("-s",))),
        key(dataclasses.replace(build, cgo=True)),
        key(dataclasses.replace(build, gotoolchain="local")),
        key(dataclasses.replace(build, mains=(Main("kms-plugin", "./cmd"),))),
        content_key(build, build.mains[0], platform="linux/amd64", go="go1.26.10", source_digest="d", extra=("cc",)),
    ]
    assert len(set(keys)) == len(keys)
    assert key(build) == key(plugin_plan(PluginSource(), "go1.26.10"))


def test_content_key_of_a_main_does_not_depend_on_what_is_built_with_it() -> None:
    together = dataclasses.replace(KUBERNETES, mains=(*KUBERNETES.mains, Main("other", "k8s.io/kubernetes/cmd/other")))
    assert key(KUBERNETES) == key(together)


def test_a_plan_names_no_path_of_a_machine() -> None:
    for build in BUILDS:
        assert not any(word.startswith("/") for word in build.argv("out"))
        assert not build.module.startswith("/")
