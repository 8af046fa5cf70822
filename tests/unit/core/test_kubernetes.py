"""The table of Kubernetes versions agrees with the module graphs and with itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.core.kubernetes import (
    DEFAULT_RELEASE,
    RELEASES,
    KubernetesRelease,
    find_release,
    minor_of,
    release_before,
)
from pipeline.errors import InputError

GRAPHS = Path(__file__).parents[3] / "pipeline" / "kubernetes"


@pytest.mark.parametrize("text", ["1.37", "1.37.2", "v1.37.2", "v1.37"])
def test_finds_a_release_by_line_or_version(text: str) -> None:
    assert find_release(text).git_version == "v1.37.2"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "name a line such as 1.37"),
        ("latest", "name a line such as 1.37"),
        ("v", "name a line such as 1.37"),
        ("1.x", "name a line such as 1.37"),
        ("2.36", "name a line such as 1.37"),
        ("1.3", "the closest is 1.34, which is v1.34.4"),
        ("1.33.7", "the closest is 1.34, which is v1.34.4"),
        ("1.36.1", "the closest is 1.36, which is v1.36.3"),
        ("1.99", "the closest is 1.37, which is v1.37.2"),
    ],
)
def test_names_the_closest_release_for_one_that_is_not_supported(text: str, advice: str) -> None:
    with pytest.raises(InputError) as caught:
        find_release(text)
    assert caught.value.seen == repr(text)
    assert "1.34 (v1.34.4), 1.35" in str(caught.value.wanted)
    assert advice in str(caught.value.next_step)


def test_newest_comes_first_and_is_the_default() -> None:
    assert [release.minor for release in RELEASES] == ["1.37", "1.36", "1.35", "1.34"]
    assert DEFAULT_RELEASE is RELEASES[0]


def test_knows_the_release_of_the_line_before() -> None:
    assert [before and before.minor for before in map(release_before, RELEASES)] == ["1.36", "1.35", "1.34", None]


@pytest.mark.parametrize(
    ("version", "minor"), [("1.36", 36), ("v1.37.2", 37), ("v1.38.0-alpha.1+dirty", 38), ("", None), ("devel", None)]
)
def test_reads_the_minor_of_a_version(version: str, minor: int | None) -> None:
    assert minor_of(version) == minor


def test_stamps_are_upstreams_without_a_commit_that_nobody_knows() -> None:
    assert dict(DEFAULT_RELEASE.stamps) == {
        "buildDate": "2026-10-27T12:01:04Z",
        "gitVersion": "v1.37.2",
        "gitMajor": "1",
        "gitMinor": "37",
    }


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.minor)
def test_module_graph_pins_kubernetes_and_its_staging_modules(release: KubernetesRelease) -> None:
    text = (GRAPHS / release.minor / "kube-apiserver" / "go.mod").read_text(encoding="utf-8")
    assert f"\tk8s.io/kubernetes {release.git_version}" in text or f"k8s.io/kubernetes {release.git_version}\n" in text
    replaced = re.findall(r"^\t(k8s\.io/\S+) => (\S+) (\S+)$", text, re.MULTILINE)
    assert len(replaced) > 20
    assert {(old == new, version) for old, new, version in replaced} == {(True, release.staging_version)}
    placeholders = re.findall(r"^\t(\S+) v0\.0\.0 ", text, re.MULTILINE)
    assert set(placeholders) <= {old for old, _, _ in replaced}
    assert f"\ngo 1.{release.go_version.minor}" in text


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.minor)
def test_module_graph_repeats_upstreams_godebug_line(release: KubernetesRelease) -> None:
    text = (GRAPHS / release.minor / "kube-apiserver" / "go.mod").read_text(encoding="utf-8")
    assert re.search(r"^godebug default=go1\.\d+$", text, re.MULTILINE)


def test_the_one_etcd_has_a_graph_of_its_own_at_the_version_that_the_newest_release_names() -> None:
    (folder,) = GRAPHS.glob("*/etcd")
    assert folder.parent.name == DEFAULT_RELEASE.minor
    text = (folder / "go.mod").read_text(encoding="utf-8")
    for module in ("server", "etcdutl"):
        assert f"go.etcd.io/etcd/{module}/v3 v{DEFAULT_RELEASE.etcd_version} " in text
    assert "k8s.io/kubernetes" not in text


@pytest.mark.parametrize("path", sorted(GRAPHS.rglob("go.sum")), ids=lambda path: f"{path.parent.parent.name}")
def test_no_graph_vouches_for_a_toolchain(path: Path) -> None:
    assert "golang.org/toolchain" not in path.read_text(encoding="utf-8")


def test_every_release_has_its_graphs_and_every_graph_its_release() -> None:
    assert {folder.name for folder in GRAPHS.iterdir() if folder.is_dir()} == {release.minor for release in RELEASES}
