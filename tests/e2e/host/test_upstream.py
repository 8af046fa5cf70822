"""The table of Kubernetes versions says what the modules themselves say."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from pipeline.core.kubernetes import RELEASES, KubernetesRelease
from pipeline.host.bootstrap import bootstrap_go
from pipeline.host.environment import go_environment
from pipeline.host.paths import cache_paths

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
