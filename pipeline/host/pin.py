"""Pin a Kubernetes release: write its folder of `pipeline/kubernetes` from what the release's own module says.

Nothing is typed by hand: Go, etcd, `go` and `godebug` lines and the staging modules are read from the module, the date
comes from the module proxy, and `go mod tidy` completes the graph with checksums that the checksum database vouches
for.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.core.components import API_SERVER, COMPONENTS
from pipeline.core.go_version import GoVersion, parse_go_version
from pipeline.core.kubernetes import DEFAULT_RELEASE, FOLDER, RELEASE_FILE, KubernetesRelease
from pipeline.errors import BuildError, InputError, MachineError
from pipeline.host.bootstrap import bootstrap_go
from pipeline.host.compile import Builder
from pipeline.host.go import SelectedGo, Workplace, exact_go
from pipeline.host.runs import run_folder

_GRAPHS: Final = ("kube-apiserver", "e2e")
_KUBERNETES: Final = "k8s.io/kubernetes"
_CONSTANTS: Final = "cmd/kubeadm/app/constants/constants.go"
_DEFAULT_ETCD: Final = re.compile(r'^\s*DefaultEtcdVersion = "(\d+\.\d+\.\d+)-\d+"$', re.MULTILINE)
_VERSION: Final = re.compile(r"v?(1\.[1-9][0-9]?\.(?:0|[1-9][0-9]?))")


@dataclass(frozen=True, slots=True)
class _Upstream:
    """What a release's module says: its facts, the lines of go.mod that a wrapper repeats, and its staging modules."""

    release: KubernetesRelease
    directives: tuple[str, ...]
    staging: tuple[str, ...]


def pin_release(version: str, builder: Builder, *, folder: Path = FOLDER) -> KubernetesRelease:
    """Write the folder of an exact release such as `1.37.2`, and return the release.

    The newest release brings the etcd that all run on; the graph of the one before it is removed.

    Raises: InputError for a version that does not exist; MachineError when the folder cannot be written; BuildError
    when the release cannot be read.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise InputError("not an exact Kubernetes release", seen=repr(version), wanted="a version such as 1.37.2")
    builder.paths.make()
    with builder.go_in_use(), run_folder(builder.paths.temporary) as temporary:
        pin = _Pin(builder.workplace("pin", temporary), temporary)
        upstream = pin.read(match[1])
        go = upstream.release.go_version
        graphs = {name: pin.tidy(_kubernetes_module(upstream, name), go) for name in _GRAPHS}
        if upstream.release.order[:2] >= DEFAULT_RELEASE.order[:2]:
            graphs["etcd"] = pin.etcd(upstream.release)
    _write(folder / upstream.release.minor, upstream.release, graphs)
    if "etcd" in graphs:
        for former in folder.glob("*/etcd"):
            if former.parent.name != upstream.release.minor:
                shutil.rmtree(former)
    return upstream.release


@dataclass(frozen=True, slots=True)
class _Pin:
    workplace: Workplace
    temporary: Path

    def read(self, version: str) -> _Upstream:
        """Read the module of a release, which is downloaded when it is not in the cache."""
        go = self._bootstrap()
        try:
            module = json.loads(self._go(go, "mod", "download", "-json", f"{_KUBERNETES}@v{version}"))
        except BuildError as error:
            raise self._no_release(version) from error
        folder = Path(module["Dir"])
        go_version = parse_go_version((folder / ".go-version").read_bytes(), where=str(folder / ".go-version"))
        go_mod = json.loads(self._go(go, "mod", "edit", "-json", str(folder / "go.mod")))
        settings = [f"godebug {item['Key']}={item['Value']}" for item in go_mod.get("GoDebug") or ()]
        etcd = _DEFAULT_ETCD.search((folder / _CONSTANTS).read_text(encoding="utf-8"))
        if etcd is None:
            raise InputError("this release names its etcd otherwise", where=str(folder / _CONSTANTS))
        date = json.loads(Path(module["Info"]).read_text(encoding="utf-8"))["Time"]
        return _Upstream(
            KubernetesRelease(version, go_version, etcd[1], date),
            (f"go {go_mod['Go']}", *settings),
            tuple(item["Old"]["Path"] for item in go_mod["Replace"] if item["New"]["Path"].startswith("./staging/")),
        )

    def _no_release(self, version: str) -> InputError:
        line = version.rpartition(".")[0]
        known = self._go(self._bootstrap(), "list", "-m", "-versions", _KUBERNETES).split()
        found = [name for name in known if name.startswith(f"v{line}.") and "-" not in name]
        return InputError(
            "the module proxy serves no such Kubernetes release",
            seen=f"v{version}",
            wanted=", ".join(found) or f"a release of another line than {line}",
            where=f"{_KUBERNETES} on the module proxy (GOPROXY)",
            next_step=f"the newest of this line is {found[-1]}" if found else f"the newest known is {known[-1]}",
        )

    def etcd(self, release: KubernetesRelease) -> tuple[str, str]:
        """Return the module graph of the etcd that a release names."""
        version = f"v{release.etcd_version}"
        modules = ("go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/etcdutl/v3")
        answer = self._go(self._bootstrap(), "mod", "download", "-json", f"{modules[0]}@{version}")
        go_mod = json.loads(self._go(self._bootstrap(), "mod", "edit", "-json", json.loads(answer)["GoMod"]))
        text = _module(
            f"v{release.minor}/etcd",
            (f"go {go_mod['Go']}",),
            sorted(modules),
            [f"{module} {version}" for module in modules],
        )
        return self.tidy(text, release.go_version)

    def tidy(self, go_mod: str, version: GoVersion) -> tuple[str, str]:
        """Return go.mod and go.sum of a module without packages, completed for its tools by the release's own Go."""
        folder = self.temporary / f"module-{len(list(self.temporary.iterdir()))}"
        folder.mkdir()
        (folder / "go.mod").write_text(go_mod, encoding="utf-8")
        self._go(exact_go(bootstrap_go(), version, "the release's .go-version"), "mod", "tidy", folder=folder)
        return (folder / "go.mod").read_text(encoding="utf-8"), (folder / "go.sum").read_text(encoding="utf-8")

    def _bootstrap(self) -> SelectedGo:
        return SelectedGo(bootstrap_go(), "local", "", "the bootstrap Go", "")

    def _go(self, go: SelectedGo, *words: str, folder: Path | None = None) -> str:
        lines: list[str] = []
        what = f"go {words[0]} {words[1]}"
        go.run(("go", *words), folder or self.temporary, self.workplace, what=what, on_line=lines.append)
        return "\n".join(line for line in lines if not line.startswith("go: "))


def _kubernetes_module(upstream: _Upstream, name: str) -> str:
    release = upstream.release
    return _module(
        f"v{release.minor}/{name}",
        upstream.directives,
        sorted(item.package for item in (API_SERVER, *COMPONENTS.values()) if item.module.endswith(f"/{name}")),
        [f"k8s.io/kubernetes {release.git_version}"],
        [f"{module} => {module} {release.staging_version}" for module in upstream.staging],
    )


def _module(
    name: str, directives: Sequence[str], tools: Sequence[str], required: Sequence[str], replaced: Sequence[str] = ()
) -> str:
    blocks = [("tool", tools), ("require", required), ("replace", replaced)]
    parts = [f"module kms-e2e.test/kubernetes/{name}", *directives]
    parts += [f"{word} (\n" + "".join(f"\t{line}\n" for line in lines) + ")" for word, lines in blocks if lines]
    return "\n\n".join(parts) + "\n"


def _write(folder: Path, release: KubernetesRelease, graphs: dict[str, tuple[str, str]]) -> None:
    facts = {
        "version": release.version,
        "go_version": str(release.go_version),
        "etcd_version": release.etcd_version,
        "build_date": release.build_date,
    }
    try:
        for name, (go_mod, go_sum) in graphs.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / "go.mod").write_text(go_mod, encoding="utf-8")
            (folder / name / "go.sum").write_text(go_sum, encoding="utf-8")
        (folder / RELEASE_FILE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise MachineError(
            "the release cannot be written",
            seen=str(error),
            where=str(folder),
            next_step="pin releases in a checkout of the project",
        ) from error
