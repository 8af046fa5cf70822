"""A stand-in for a working tree of Kubernetes, from which a real kube-apiserver is built.

Upstream's layout with small programs of our own: the main package of kube-apiserver imports that of the pinned release
from the module proxy, a staged module is in the workspace, the KMS mock is the reference plugin in upstream's folder,
and the integration test starts a test server on the etcd that is on PATH.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from pipeline.core.kubernetes import DEFAULT_RELEASE, FOLDER, MOCK_PLUGIN
from tests.e2e.host.kubernetes_tree import SCRIPTS

STAGED: Final = Path("staging/src/k8s.io/stand-in/stand_in.go")
GREETING: Final = "built from the staging of a stand-in tree"
TAG: Final = DEFAULT_RELEASE.git_version
_ROOT: Final = Path(__file__).parents[2]
_PATTERNS: Final = shutil.ignore_patterns("*_test.go")
_FILES: Final = {
    ".go-version": f"{DEFAULT_RELEASE.go_version}\n",
    ".gitignore": "/_output/\n",  # where upstream's scripts write
    "go.work": "go 1.26.0\n\ngodebug default=go1.26\n\nuse (\n\t.\n\t./staging/src/k8s.io/stand-in\n)\n",
    "cmd/kube-apiserver/apiserver.go": """// The main package of a tree: upstream's command, after what staging says.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	standin "k8s.io/stand-in"
)

func main() {
	standin.Greet(os.Stderr)
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}
""",
    str(STAGED.parent / "go.mod"): "module k8s.io/stand-in\n\ngo 1.26.0\n",
    str(STAGED): f"""// Package standin stands for a staged module.
package standin

import (
	"fmt"
	"io"
)

// Greet says which source kube-apiserver was built from.
func Greet(to io.Writer) {{ fmt.Fprintln(to, "{GREETING}") }}
""",
    "test/integration/controlplane/transformation/secrets_test.go": """package transformation

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app/testing"
	"k8s.io/kubernetes/test/integration/framework"
)

const configuration = `
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - secretbox: {keys: [{name: one, secret: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=}]}
`

func TestMain(m *testing.M) { framework.EtcdMain(m.Run) }

func TestSecretsAreEncrypted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "encryption.yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	storage := framework.SharedEtcd()
	server := apiserver.StartTestServerOrDie(t, nil, []string{"--encryption-provider-config=" + file}, storage)
	defer server.TearDownFn()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "one"},
		Data:       map[string][]byte{"password": []byte("a plain word")},
	}
	secrets := kubernetes.NewForConfigOrDie(server.ClientConfig).CoreV1().Secrets("default")
	if _, err := secrets.Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	stored, err := server.EtcdClient.Get(t.Context(), "/"+server.EtcdStoragePrefix+"/secrets/default/one")
	if err != nil || len(stored.Kvs) != 1 {
		t.Fatalf("%v, %v", stored, err)
	}
	value := stored.Kvs[0].Value
	if !bytes.HasPrefix(value, []byte("k8s:enc:secretbox:v1:one:")) || bytes.Contains(value, []byte("plain word")) {
		t.Fatalf("stored as %q", value)
	}
}
""",
}


def make_real_tree(root: Path) -> Path:
    """Write the tree, commit and tag it as the release whose modules it imports, and return its folder."""
    pinned = FOLDER / DEFAULT_RELEASE.minor / "kube-apiserver"
    _, _, rest = (pinned / "go.mod").read_text().partition("\n")
    files = {**SCRIPTS, **_FILES, "go.mod": f"module example.com/kubernetes-tree\n{rest}"}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copy2(pinned / "go.sum", root / "go.sum")
    shutil.copytree(_ROOT / "plugins" / "reference", root / MOCK_PLUGIN, ignore=_PATTERNS)
    configuration = (_ROOT / "kms-e2e.toml").read_text()
    (root / MOCK_PLUGIN / "kms-e2e.toml").write_text(
        configuration.replace('name = "reference"', 'name = "tree-mock"').replace('module = "plugins/reference"', "")
    )
    commit(root)
    return root


def commit(root: Path) -> None:
    """Let git know the tree, with the release's tag."""
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "A tree"), ("tag", TAG)):
        subprocess.run(("git", "-C", str(root), *identity, *words), check=True)


def change_staging(root: Path, text: str) -> None:
    """Change the staged module, and commit nothing."""
    path = root / STAGED
    path.write_text(path.read_text().replace(GREETING, text))
