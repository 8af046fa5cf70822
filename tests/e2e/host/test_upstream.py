"""The table of Kubernetes versions says what the modules themselves say."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from pipeline.core.kubernetes import FOLDER, RELEASES, KubernetesRelease
from pipeline.errors import InputError
from pipeline.host.bootstrap import bootstrap_go
from pipeline.host.compile import Builder
from pipeline.host.environment import go_environment
from pipeline.host.paths import cache_paths
from pipeline.host.pin import pin_release
from pipeline.host.progress import Silent

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
CONSTANTS = "cmd/kubeadm/app/constants/constants.go"


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.minor)
def test_go_etcd_and_date_are_those_of_the_module(release: KubernetesRelease, tmp_path: Path) -> None:
    paths = cache_paths(os.environ)
    paths.make()
    environment = go_environment(os.environ, paths, str(tmp_path))
    argv = [str(bootstrap_go().path), "mod", "download", "-json", f"k8s.io/kubernetes@{release.git_version}"]
    answer = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    module = json.loads(answer)
    folder = Path(module["Dir"])
    assert (folder / ".go-version").read_text().strip() == str(release.go_version)
    etcd = re.search(r'DefaultEtcdVersion = "([^"-]+)', (folder / CONSTANTS).read_text())
    assert etcd is not None
    assert etcd[1] == release.etcd_version
    assert json.loads(Path(module["Info"]).read_text())["Time"] == release.build_date
    go_mod = (folder / "go.mod").read_text()
    ours = (
        Path(__file__).parents[3] / "pipeline" / "kubernetes" / release.minor / "kube-apiserver" / "go.mod"
    ).read_text()
    for directive in ("go", "godebug"):
        (line,) = re.findall(rf"^{directive} .*$", go_mod, re.MULTILINE)
        assert f"\n{line}\n" in ours
    staging = re.findall(r"^\t(k8s\.io/\S+) => \./staging/", go_mod, re.MULTILINE)
    replaced = re.findall(r"^\t(k8s\.io/\S+) => k8s\.io/", ours, re.MULTILINE)
    assert sorted(staging) == sorted(replaced)


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.minor)
def test_pinning_a_release_writes_the_committed_folder(release: KubernetesRelease, tmp_path: Path) -> None:
    assert pin_release(release.version, _builder(), folder=tmp_path) == release
    written, committed = (
        {path.relative_to(folder): path.read_text() for path in (folder / release.minor).rglob("*") if path.is_file()}
        for folder in (tmp_path, FOLDER)
    )
    assert written == committed


@pytest.mark.parametrize(
    ("version", "what"), [("1.36.77", "v1.36.3"), ("1.99.0", "another line than 1.99"), ("1.36", "such as 1.37.2")]
)
def test_a_release_that_does_not_exist_is_named_with_those_that_do(version: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        pin_release(version, _builder(), folder=tmp_path)
    assert what in str(caught.value.wanted)
    assert not any(tmp_path.iterdir())


def _builder() -> Builder:
    return Builder(cache_paths(os.environ), dict(os.environ), Silent())
