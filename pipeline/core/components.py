"""The programs of Kubernetes and its tests that a plan can build, as data: package, module graph, Go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Component:
    """A program: its package, and the folder of its module graph below `pipeline/` with `{minor}` filled in.

    `test`: the package holds tests, of which `go test -c` makes the program. `gotoolchain` is empty for what is built
    with the Go of the Kubernetes release, `version` for what has that release's version or is told by the graph.
    `before`: it belongs to the release of the line before, and has that line's graph, Go and stamps.
    """

    package: str
    module: str = "kubernetes/{minor}/e2e"
    test: bool = False
    gotoolchain: str = ""
    version: str = ""
    before: bool = False

    @property
    def of_kubernetes(self) -> bool:
        """Tell whether it belongs to the release, and has its version stamps and build tags."""
        return self.package.startswith("k8s.io/kubernetes/")


API_SERVER: Final = Component("k8s.io/kubernetes/cmd/kube-apiserver", "kubernetes/{minor}/kube-apiserver")
PREVIOUS_API_SERVER: Final = "previous-kube-apiserver"
COMPONENTS: Final = {
    PREVIOUS_API_SERVER: Component(API_SERVER.package, API_SERVER.module, before=True),
    "kube-controller-manager": Component(
        "k8s.io/kubernetes/cmd/kube-controller-manager", "kubernetes/{minor}/kube-apiserver"
    ),
    "kube-scheduler": Component("k8s.io/kubernetes/cmd/kube-scheduler"),
    "kubectl": Component("k8s.io/kubernetes/cmd/kubectl"),
    "ginkgo": Component("github.com/onsi/ginkgo/v2/ginkgo"),
    "e2e.test": Component("k8s.io/kubernetes/test/e2e", test=True),
    # Its go.mod asks for Go 1.26; it speaks to every Kubernetes, so it has one graph and one Go of its own.
    "kwok": Component("sigs.k8s.io/kwok/cmd/kwok", "kwok", gotoolchain="go1.26.10", version="v0.8.0"),
}
"""Programs that are built on request, when a suite or a scenario runs them."""

DEFAULT_COMPONENTS: Final = ("kube-controller-manager",)
"""What a test image holds beside kube-apiserver when nobody says which scenarios it will run."""

CLUSTER: Final = ("kube-controller-manager", "kube-scheduler", "kwok")
"""What makes a control plane a cluster of simulated nodes."""

UPSTREAM_TESTS: Final = ("kubectl", "ginkgo", "e2e.test")
"""What runs upstream's own end-to-end tests."""
