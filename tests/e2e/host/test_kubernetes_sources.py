"""A control plane from a source tree, from official release binaries, and from a folder."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.core.kubernetes import RELEASES, KubernetesRelease
from pipeline.errors import BuildError, InputError, KmsE2EError, MachineError
from pipeline.host.bootstrap import bootstrap_go
from pipeline.host.build import Assets, BuildRequest, build_assets
from pipeline.host.compile import Builder
from pipeline.host.environment import go_environment
from pipeline.host.jobs import host_platform
from pipeline.host.kubernetes_sources import Folder, KubernetesSource, Release, Tree
from pipeline.host.kubernetes_tree import KubernetesTree, read_tree, setup_env_go, tree_go
from pipeline.host.paths import cache_paths
from pipeline.host.progress import Silent
from tests.e2e.host.kubernetes_tree import STAGED, make_tree

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
DECIDING = ("GOTOOLCHAIN", "GO_VERSION", "FORCE_HOST_GO")
STAND_IN = "#!/bin/sh\necho Kubernetes v1.36.9\n"


@pytest.fixture
def user() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in DECIDING}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "tree")


def build(source: KubernetesSource, folder: Path, user: dict[str, str]) -> Assets:
    request = BuildRequest(with_plugin=False, kubernetes_source=source, output=folder, environment=user)
    return build_assets(request)


def said(assets: Assets) -> str:
    program = assets.folder / "kube-apiserver"
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()


def origin(assets: Assets) -> dict[str, str]:
    document = json.loads((assets.folder / "provenance.json").read_text())
    assert document["kubernetes"] == assets.kubernetes
    found: dict[str, str] = document["kubernetes_source"]
    return found


def test_a_clean_tree_is_stamped_with_its_tag_and_built_with_its_go(
    tree: Path, tmp_path: Path, user: dict[str, str]
) -> None:
    assets = build(Tree(tree), tmp_path / "assets", user)
    assert said(assets) == "Kubernetes v1.38.0-alpha.1"
    assert origin(assets)["state"] == "clean"
    assert [built.entry.go_version for built in assets.binaries if built.main.name == "kube-apiserver"] == ["go1.26.10"]
    assert (assets.folder / "etcd").is_file()


def test_uncommitted_changes_of_staging_are_built_and_the_provenance_says_dirty(
    tree: Path, tmp_path: Path, user: dict[str, str]
) -> None:
    before = build(Tree(tree), tmp_path / "before", user)
    path = tree / STAGED / "version" / "base.go"
    path.write_text(path.read_text().replace("return gitVersion", 'return gitVersion + " changed"'))
    after = build(Tree(tree), tmp_path / "after", user)
    assert said(after).endswith("-dirty changed")
    assert origin(after)["state"] == "dirty"
    assert origin(after)["source_sha256"] != origin(before)["source_sha256"]
    assert build(Tree(tree), tmp_path / "again", user).compiled == ()


def test_a_tree_without_git_says_that_its_state_is_unknown(tree: Path, tmp_path: Path, user: dict[str, str]) -> None:
    shutil.rmtree(tree / ".git")
    assets = build(Tree(tree), tmp_path / "assets", user)
    assert (said(assets), origin(assets)["state"]) == ("Kubernetes v1.38.0-unknown", "unknown")


def test_a_tree_whose_scripts_select_another_go_is_an_error(tree: Path, tmp_path: Path, user: dict[str, str]) -> None:
    script = tree / "hack" / "lib" / "golang.sh"
    script.write_text(re.sub(r'"go\$\{.*', '"go1.26.5"', script.read_text()))
    with pytest.raises(BuildError, match="selects another Go") as caught:
        build(Tree(tree), tmp_path / "assets", user)
    assert (caught.value.seen, str(caught.value.wanted).split(",")[0]) == ("go1.26.5", "go1.26.10")


def test_a_tree_whose_scripts_fail_is_an_error_with_what_they_said(
    tree: Path, tmp_path: Path, user: dict[str, str]
) -> None:
    (tree / "hack" / "lib" / "golang.sh").write_text("kube::golang::setup_env() { echo no luck; return 1; }\n")
    with pytest.raises(BuildError, match="setup_env failed") as caught:
        build(Tree(tree), tmp_path / "assets", user)
    assert "no luck" in str(caught.value.seen)


@pytest.mark.parametrize(
    ("changed", "go"),
    [({}, "go1.26.10"), ({"GO_VERSION": "1.26.5"}, "go1.26.5"), ({"GOTOOLCHAIN": "go1.26.5"}, "go1.26.5")],
)
@pytest.mark.parametrize("release", RELEASES[:1], ids=lambda release: release.minor)
def test_upstreams_own_scripts_select_the_same_go(
    release: KubernetesRelease, changed: dict[str, str], go: str, tmp_path: Path, user: dict[str, str]
) -> None:
    builder, root = scripts_of(release, tmp_path, {**user, **changed})
    assert tree_go(KubernetesTree(root, release.git_version), builder)[0].version == go


@pytest.mark.parametrize("release", RELEASES[1:], ids=lambda release: release.minor)
def test_upstreams_own_scripts_of_older_lines_select_the_same_go(
    release: KubernetesRelease, tmp_path: Path, user: dict[str, str]
) -> None:
    builder, root = scripts_of(release, tmp_path, user)
    tree, (go, _) = KubernetesTree(root, release.git_version), tree_go(KubernetesTree(root, ""), builder)
    assert go.version == release.go_version.toolchain == setup_env_go(tree, go, builder)


def scripts_of(release: KubernetesRelease, folder: Path, user: dict[str, str]) -> tuple[Builder, Path]:
    """Put the scripts of a release's module into a folder: they write beside themselves."""
    paths = cache_paths(user)
    paths.make()
    environment = go_environment(user, paths, str(folder))
    argv = [str(bootstrap_go().path), "mod", "download", "-json", f"k8s.io/kubernetes@{release.git_version}"]
    answer = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout
    module, root = Path(json.loads(answer)["Dir"]), folder / "scripts"
    shutil.copytree(module / "hack", root / "hack")
    for name in (".go-version", "go.mod"):
        shutil.copy(module / name, root / name)
    return Builder(paths, user, Silent()), root


def test_upstreams_tests_run_with_the_trees_go_and_our_etcd(tree: Path, user: dict[str, str]) -> None:
    done = run_tests(tree, user)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "2 passed, 0 failed, 1 skipped"), done.stderr


def test_a_failing_test_of_the_tree_is_named(tree: Path, user: dict[str, str]) -> None:
    path = tree / "test/integration/controlplane/transformation/transformation_test.go"
    path.write_text(path.read_text().replace("etcd Version: 3.7.0", "etcd Version: 0"))
    done = run_tests(tree, user)
    assert done.returncode == 1
    assert "FAIL k8s.io/kubernetes/test/integration/controlplane/transformation TestEtcd" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 passed, 1 failed, 1 skipped"


def test_tests_that_cannot_be_compiled_are_an_error(tree: Path, user: dict[str, str]) -> None:
    (tree / "test/integration/controlplane/transformation/broken_test.go").write_text("package transformation\nx\n")
    done = run_tests(tree, user)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "could not be run" in done.stderr


def run_tests(tree: Path, user: dict[str, str]) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pipeline.cli", "kubernetes", "test", "--source", str(tree)]
    return subprocess.run(argv, env=user, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("missing", [".go-version", "go.mod", "hack/lib/golang.sh"])
def test_a_folder_that_is_no_tree_is_refused(tree: Path, missing: str) -> None:
    (tree / missing).unlink()
    with pytest.raises(InputError, match="not a source tree of Kubernetes") as caught:
        read_tree(tree)
    assert f"no {missing}" in str(caught.value.seen)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Stand in for the host of the releases: the folder that it serves, and its address."""
    root = tmp_path / "host"
    program = root / "v1.36.9" / "bin" / host_platform() / "kube-apiserver"
    program.parent.mkdir(parents=True)
    program.write_text(STAND_IN)
    program.with_name("kube-apiserver.sha256").write_text(hashlib.sha256(STAND_IN.encode()).hexdigest())
    (root / "stable-1.36.txt").write_text("v1.36.9\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield root, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def own_cache(user: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Return an environment whose cache has the real binaries and no fetched release."""
    real, own = cache_paths(user), tmp_path / "cache"
    own.mkdir()
    real.make()
    for folder in ("binaries", "go", "locks", "logs", "timings", "tmp", "home", "assets"):
        (own / folder).symlink_to(real.root / folder)
    return {**user, "KMS_E2E_CACHE": str(own)}


@pytest.mark.parametrize("version", ["1.36", "v1.36.9"])
def test_an_official_release_is_fetched_once_and_compared_with_its_digest(
    published: tuple[Path, str], version: str, tmp_path: Path, own_cache: dict[str, str]
) -> None:
    root, mirror = published
    assets = build(Release(version, mirror), tmp_path / "assets", own_cache)
    assert (assets.kubernetes, said(assets)) == ("v1.36.9", "Kubernetes v1.36.9")
    assert origin(assets)["sha256"] == hashlib.sha256(STAND_IN.encode()).hexdigest()
    program = next(root.glob("v1.36.9/bin/*/*/kube-apiserver"))
    program.unlink()  # its digest is still published
    assert said(build(Release(version, mirror), tmp_path / "again", own_cache)) == "Kubernetes v1.36.9"


def test_a_release_with_other_bytes_is_refused_and_not_kept(
    published: tuple[Path, str], tmp_path: Path, own_cache: dict[str, str]
) -> None:
    root, mirror = published
    next(root.glob("v1.36.9/bin/*/*/kube-apiserver")).write_text(STAND_IN + "# altered\n")
    with pytest.raises(MachineError, match="does not have the bytes"):
        build(Release("1.36.9", mirror), tmp_path / "assets", own_cache)
    assert not list(Path(own_cache["KMS_E2E_CACHE"]).glob("releases/**/*kube-apiserver*"))


def test_the_longer_digest_is_taken_when_both_are_published(
    published: tuple[Path, str], tmp_path: Path, own_cache: dict[str, str]
) -> None:
    root, mirror = published
    next(root.glob("v1.36.9/bin/*/*/kube-apiserver.sha256")).with_suffix(".sha512").write_text("0" * 128)
    with pytest.raises(MachineError, match="does not have the bytes") as caught:
        build(Release("1.36.9", mirror), tmp_path / "assets", own_cache)
    assert caught.value.wanted == f"sha512 {'0' * 128}"


@pytest.mark.parametrize(
    ("version", "kind", "what"),
    [("1.36.8", InputError, "no such release"), ("1.35", InputError, "no such release"), ("x", InputError, "not a")],
)
def test_a_release_that_does_not_exist_is_named(
    published: tuple[Path, str],
    version: str,
    kind: type[KmsE2EError],
    what: str,
    tmp_path: Path,
    own_cache: dict[str, str],
) -> None:
    with pytest.raises(kind, match=what):
        build(Release(version, published[1]), tmp_path / "assets", own_cache)


def test_a_host_that_cannot_be_reached_is_named(tmp_path: Path, own_cache: dict[str, str]) -> None:
    with pytest.raises(MachineError, match="could not be fetched"):
        build(Release("1.36.9", "http://127.0.0.1:9"), tmp_path / "assets", own_cache)


def test_a_folder_is_taken_as_it_is_and_its_version_asked_for(tmp_path: Path, user: dict[str, str]) -> None:
    folder = tmp_path / "envtest"
    folder.mkdir()
    for name in ("kube-apiserver", "etcd", "kubectl"):
        (folder / name).write_text(STAND_IN)
        (folder / name).chmod(0o755)
    assets = build(Folder(folder), tmp_path / "assets", user)
    assert (assets.kubernetes, origin(assets)) == ("v1.36.9", {"kind": "folder"})
    assert (assets.folder / "etcd").read_text() == STAND_IN
    artifacts = json.loads((assets.folder / "provenance.json").read_text())["artifacts"]
    assert sorted(entry["name"] for entry in artifacts) == ["etcd", "etcdutl", "kube-apiserver", "kubectl"]


@pytest.mark.parametrize(("text", "what"), [(None, "no kube-apiserver"), ("#!/bin/sh\necho hello\n", "does not say")])
def test_a_folder_without_a_kube_apiserver_is_refused(
    text: str | None, what: str, tmp_path: Path, user: dict[str, str]
) -> None:
    if text is not None:
        (tmp_path / "kube-apiserver").write_text(text)
        (tmp_path / "kube-apiserver").chmod(0o755)
    with pytest.raises(InputError, match=what):
        build(Folder(tmp_path), tmp_path / "assets", user)


def test_the_variable_of_envtest_is_taken_when_nothing_else_is_named(tmp_path: Path, user: dict[str, str]) -> None:
    argv = [sys.executable, "-m", "pipeline.cli", "build", "--output", str(tmp_path / "assets")]
    for more, code, words in (((), 2, f"{tmp_path / 'none' / 'kube-apiserver'}"), (("--kubernetes", "1.1"), 2, "1.34")):
        environment = {**user, "KUBEBUILDER_ASSETS": str(tmp_path / "none")}
        done = subprocess.run([*argv, *more], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert words in done.stderr
        assert "Traceback" not in done.stderr
