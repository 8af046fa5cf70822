"""A stand-in for a source tree of Kubernetes: upstream's layout with small programs and scripts of our own.

Its kube-apiserver answers `--version` with the stamp, and its dependency k8s.io/component-base lies in staging, in the
workspace and in vendor, as upstream's does.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

STAGED: Final = "staging/src/k8s.io/component-base"
GO_VERSION: Final = "1.26.10"

SCRIPTS: Final = {
    "hack/lib/init.sh": 'KUBE_OUTPUT="${KUBE_ROOT}/_output"\nsource "${KUBE_ROOT}/hack/lib/golang.sh"\n',
    # The documented precedence, written anew: GOTOOLCHAIN, FORCE_HOST_GO, GO_VERSION, the file.
    "hack/lib/golang.sh": """kube::golang::setup_env() {
  export GOPATH="${KUBE_OUTPUT}/go"
  if [ "${GOTOOLCHAIN:-auto}" != auto ]; then
    return 0
  fi
  if [ -n "${FORCE_HOST_GO:-}" ]; then
    export GOTOOLCHAIN=local
    return 0
  fi
  export GOTOOLCHAIN="go${GO_VERSION:-$(cat "${KUBE_ROOT}/.go-version")}"
}
""",
}
"""What stands for upstream's scripts."""

_FILES: Final = {
    ".go-version": f"{GO_VERSION}\n",
    "go.mod": """module k8s.io/kubernetes

go 1.26.0

godebug default=go1.26

require k8s.io/component-base v0.0.0

replace k8s.io/component-base => ./staging/src/k8s.io/component-base
""",
    "go.work": "go 1.26.0\n\nuse (\n\t.\n\t./staging/src/k8s.io/component-base\n)\n",
    "vendor/modules.txt": """## workspace
# k8s.io/component-base v0.0.0 => ./staging/src/k8s.io/component-base
## explicit; go 1.26.0
""",
    "cmd/kube-apiserver/apiserver.go": """package main

import (
	"fmt"

	"k8s.io/component-base/version"
)

func main() { fmt.Println("Kubernetes " + version.Get()) }
""",
    f"{STAGED}/go.mod": "module k8s.io/component-base\n\ngo 1.26.0\n",
    f"{STAGED}/version/base.go": """package version

// DefaultKubeBinaryVersion is the line that this tree becomes.
const DefaultKubeBinaryVersion = "1.38"

var gitVersion = "not stamped"

// Get returns the stamp.
func Get() string { return gitVersion }
""",
    **SCRIPTS,
    "test/integration/controlplane/transformation/transformation_test.go": """package transformation

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

func TestGo(t *testing.T) {
	if runtime.Version() != "go1.26.10" {
		t.Fatalf("built with %s", runtime.Version())
	}
}

func TestEtcd(t *testing.T) {
	out, err := exec.Command("etcd", "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "etcd Version: 3.7.0") {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestSkipped(t *testing.T) { t.Skip("not here") }
""",
}


def make_tree(root: Path) -> Path:
    """Write a tree that git knows, and return its folder."""
    for name, text in _FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "A tree"), ("tag", "v1.38.0-alpha.1")):
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        subprocess.run(("git", "-C", str(root), *identity, *words), check=True)
    return root
