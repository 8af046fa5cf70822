"""The Kubernetes versions that can be built, as data. A new one is an entry here and its two module graphs.

The graphs are `pipeline/kubernetes/<minor>/{kube-apiserver,etcd}/go.{mod,sum}`; tests compare them with this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.core.go_version import GoVersion
from pipeline.errors import InputError


@dataclass(frozen=True, slots=True)
class KubernetesRelease:
    """One exact Kubernetes release, with the Go and the etcd that belong to it.

    `version` is without `v`. `go_version` is the content of the release's own `.go-version`, `etcd_version` what its
    kubeadm names (`DefaultEtcdVersion` in cmd/kubeadm/app/constants/constants.go). `build_date` is the time of the
    tagged commit, so that the stamp is the same in every build; the module proxy reports it for the version.
    `build_tags` are those of upstream's release builds (`kube::golang::build_binaries` in hack/lib/golang.sh).
    """

    version: str
    go_version: GoVersion
    etcd_version: str
    build_date: str
    build_tags: tuple[str, ...] = ("selinux", "notest", "grpcnotrace")

    @property
    def minor(self) -> str:
        """Return the line of releases, such as `1.37`."""
        return self.version.rpartition(".")[0]

    @property
    def git_version(self) -> str:
        """Return the version as Kubernetes stamps it, such as `v1.37.2`."""
        return f"v{self.version}"

    @property
    def staging_version(self) -> str:
        """Return the version of the staging modules, such as `v0.37.2`."""
        return f"v0.{self.version.partition('.')[2]}"

    @property
    def stamps(self) -> tuple[tuple[str, str], ...]:
        """Return the values that the release's binaries are stamped with.

        Source: `kube::version::ldflags` in hack/lib/version.sh. Upstream leaves out gitCommit and gitTreeState when it
        knows no commit; a module carries none, so they are left out here and /version says so.
        """
        major, minor, _ = self.version.split(".")
        return (
            ("buildDate", self.build_date),
            ("gitVersion", self.git_version),
            ("gitMajor", major),
            ("gitMinor", minor),
        )


RELEASES: Final = (
    KubernetesRelease(
        version="1.37.2", go_version=GoVersion(26, 10), etcd_version="3.7.0", build_date="2026-10-27T12:01:04Z"
    ),
)
DEFAULT_RELEASE: Final = RELEASES[0]
"""The release that is built when none is asked for: the newest."""


def find_release(text: str) -> KubernetesRelease:
    """Return the release of a line (`1.37`) or of an exact version (`1.37.2`, `v1.37.2`).

    Raises: InputError when it is not in the table.
    """
    wanted = text.removeprefix("v")
    for release in RELEASES:
        if wanted in {release.minor, release.version}:
            return release
    raise InputError(
        "this Kubernetes version cannot be built",
        seen=repr(text),
        wanted=" or ".join(f"{release.minor} (which is {release.git_version})" for release in RELEASES),
        where="the Kubernetes version asked for",
        next_step="choose one of these lines",
    )
