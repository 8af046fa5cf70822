"""The kubeconfig of `kms-e2e up` is taken by the clients that people have."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.core.kubernetes import DEFAULT_RELEASE, FOLDER
from pipeline.host.build import BuildRequest, build_assets
from tests.kubernetes.processes import COMMAND, started, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800)]
CLIENT_GO = """package main

import (
	"context"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		panic(err)
	}
	secrets := kubernetes.NewForConfigOrDie(config).CoreV1().Secrets("default")
	made := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "client-go"}, StringData: map[string]string{"a": "word"}}
	if _, err := secrets.Create(context.Background(), made, metav1.CreateOptions{}); err != nil {
		panic(err)
	}
	found, err := secrets.Get(context.Background(), "client-go", metav1.GetOptions{})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s", found.Data["a"])
}
"""


@pytest.fixture(scope="module")
def environment(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the environment that `kms-e2e up` says to export, without a home whose kubeconfig could help."""
    folder = tmp_path_factory.mktemp("up")
    output = folder / "output.txt"
    argv = [*COMMAND, "up", "--assets", str(programs), "--report", str(folder / "report")]
    with started(argv, output) as process:
        kubeconfig = wait_for(output.read_text, r"export KUBECONFIG=(\S+)\n.*Ctrl-C", process)[1]
        yield {**os.environ, "HOME": str(folder), "KUBECONFIG": kubeconfig}


def call(environment: dict[str, str], *argv: str) -> str:
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kubectl(programs: Path, environment: dict[str, str]) -> None:
    kubectl = str(programs / "kubectl")
    call(environment, kubectl, "create", "secret", "generic", "kubectl", "--from-literal=a=word")
    found = json.loads(call(environment, kubectl, "get", "secret", "kubectl", "-o", "json"))
    assert base64.b64decode(found["data"]["a"]) == b"word"
    who = json.loads(call(environment, kubectl, "auth", "whoami", "-o", "json"))
    assert "system:masters" in who["status"]["userInfo"]["groups"]


def test_client_go(environment: dict[str, str], tmp_path: Path) -> None:
    pinned, source = FOLDER / DEFAULT_RELEASE.minor / "kube-apiserver", tmp_path / "source"
    source.mkdir()
    _, _, rest = (pinned / "go.mod").read_text().partition("\n")
    (source / "go.mod").write_text(f"module example.com/client\n{rest}")
    (source / "go.sum").write_bytes((pinned / "go.sum").read_bytes())
    (source / ".go-version").write_text(f"{DEFAULT_RELEASE.go_version}\n")
    (source / "main.go").write_text(CLIENT_GO)
    built = build_assets(BuildRequest(source=source, kubernetes=None, output=tmp_path / "client"))
    assert call(environment, str(built.folder / "kms-plugin")) == "word"
