"""The Kubernetes versions that can be built, as data: a folder `pipeline/kubernetes/<minor>` for each.

It holds release.json and the module graph kube-apiserver/go.{mod,sum}; the newest also has etcd's, which serves all of
them. `make kubernetes VERSION=…` writes such a folder from what the release's own module says.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.core.go_version import GoVersion, parse_go_version
from pipeline.errors import InputError

MOCK_PLUGIN: Final = "staging/src/k8s.io/kms/internal/plugins/_mock"
"""The KMS v2 plugin in a source tree of Kubernetes."""


@dataclass(frozen=True, slots=True)
class KubernetesRelease:
    """One exact Kubernetes release, with the Go and the etcd that belong to it.

    `version` is without `v`. `go_version` is the content of the release's own `.go-version`, `etcd_version` what its
    kubeadm names (`DefaultEtcdVersion` in cmd/kubeadm/app/constants/constants.go); the newest release's is the one that
    is built. `build_date` is the time of the tagged commit, so that the stamp is the same in every build; the module
    proxy reports it for the version.
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
    def order(self) -> tuple[int, ...]:
        """Return a key that sorts releases by age."""
        return tuple(map(int, self.version.split(".")))

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


FOLDER: Final = Path(__file__).resolve().parent.parent / "kubernetes"
RELEASE_FILE: Final = "release.json"


def read_release(folder: Path) -> KubernetesRelease:
    """Read the release.json of a folder such as `pipeline/kubernetes/1.37`."""
    path = folder / RELEASE_FILE
    values = json.loads(path.read_text(encoding="utf-8"))
    values["go_version"] = parse_go_version(values["go_version"].encode(), where=str(path))
    return KubernetesRelease(**values)


RELEASES: Final = tuple(
    sorted(
        map(read_release, (path.parent for path in FOLDER.glob(f"*/{RELEASE_FILE}"))),
        key=lambda release: release.order,
        reverse=True,
    )
)
"""The supported releases, the newest first."""

DEFAULT_RELEASE: Final = RELEASES[0]
"""The release that is built when none is asked for: the newest. Its etcd is the one that all versions run on.

Source: kubeadm 1.37 names etcd 3.7.0 for the lines 1.34 to 1.36 too (`SupportedEtcdVersion`); and a walk between
versions keeps one etcd binary.
"""


def find_release(text: str) -> KubernetesRelease:
    """Return the release of a line (`1.37`) or of an exact version (`1.37.2`, `v1.37.2`).

    Raises: InputError, naming the closest supported one, when it is none of them.
    """
    wanted = text.strip().removeprefix("v")
    for release in RELEASES:
        if wanted in {release.minor, release.version}:
            return release
    raise InputError(
        "this Kubernetes version is not supported",
        seen=repr(text),
        wanted=", ".join(f"{release.minor} ({release.git_version})" for release in reversed(RELEASES)),
        where="the Kubernetes version asked for",
        next_step=_advice(wanted),
    )


def release_before(release: KubernetesRelease) -> KubernetesRelease | None:
    """Return the supported release of the line before, None for the oldest."""
    older = [other for other in RELEASES if other.order < release.order]
    return older[0] if older else None


def minor_of(version: str) -> int | None:
    """Return the minor number of a version such as `1.37`, `v1.37.2` or `v1.38.0-alpha.1+dirty`; None of another."""
    match = re.match(r"v?1\.(\d+)", version)
    return int(match[1]) if match else None


def _advice(wanted: str) -> str:
    """Return what to choose instead: the same line, else the nearest one."""
    words = wanted.split(".")
    if len(words) not in {2, 3} or words[0] != "1" or not all(word.isascii() and word.isdigit() for word in words):
        return f"name a line such as {DEFAULT_RELEASE.minor} or a version such as {DEFAULT_RELEASE.version}"
    closest = min(RELEASES, key=lambda release: abs(release.order[1] - int(words[1])))
    return f"the closest is {closest.minor}, which is {closest.git_version}"
