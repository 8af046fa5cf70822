"""A Kubernetes source tree: its kube-apiserver as the tree is now, with the Go that its own scripts select."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.core.build_plan import GoBuild, Main, version_flags
from pipeline.core.components import COMPONENTS
from pipeline.core.go_resolution import Resolution, resolve
from pipeline.core.kubernetes import DEFAULT_RELEASE
from pipeline.errors import BuildError, InputError, MachineError
from pipeline.host.command import Command, run_command
from pipeline.host.compile import Builder, Job
from pipeline.host.environment import go_environment
from pipeline.host.git import Git
from pipeline.host.go import SelectedGo
from pipeline.host.jobs import host_platform, select_go
from pipeline.host.runs import run_folder
from pipeline.host.source import check_module, read_version_file

GOLANG_SCRIPT: Final = "hack/lib/golang.sh"
_API_SERVER: Final = "cmd/kube-apiserver"
_BASE: Final = "staging/src/k8s.io/component-base/version/base.go"
_LINE: Final = re.compile(r'DefaultKubeBinaryVersion\s*=\s*"(1\.\d+)"')
_DESCRIBED: Final = re.compile(r"v(1)\.(\d+)\.\d+(?:-[a-z]+\.\d+)?(?:-\d+-g[0-9a-f]+)?")
_SETUP: Final = """
set -o errexit -o nounset -o pipefail
KUBE_ROOT=$PWD
if [ -f hack/lib/init.sh ]; then source hack/lib/init.sh; else source hack/lib/golang.sh; fi
kube::golang::setup_env >&2
echo "setup_env selects $(GOFLAGS='' go version)"
"""
_SELECTED: Final = re.compile(r"setup_env selects go version (\S+) \S+")
_DECIDING: Final = ("GO_VERSION", "GOTOOLCHAIN", "FORCE_HOST_GO")
UNKNOWN: Final = "unknown"
_EPOCH: Final = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class KubernetesTree:
    """A source tree of Kubernetes.

    `version` is what its binaries are stamped with, as `git describe` names it; `commit` is empty and `state` is
    `unknown` when git cannot say it, for `reason`, else `clean` or `dirty`. `date` is the commit's.
    """

    root: Path
    version: str
    commit: str = ""
    state: str = UNKNOWN
    date: str = _EPOCH
    reason: str = ""

    @property
    def stamps(self) -> tuple[tuple[str, str], ...]:
        """Return the values that its binaries are stamped with, as upstream's hack/lib/version.sh does."""
        major, minor = self.version.removeprefix("v").split(".")[:2]
        known = (("gitCommit", self.commit), ("gitTreeState", self.state)) if self.commit else ()
        return (
            ("buildDate", self.date),
            ("gitVersion", self.version),
            ("gitMajor", major),
            ("gitMinor", minor),
            *known,
        )


def read_tree(root: Path) -> KubernetesTree:
    """Return what a folder says of itself; nothing of it is run.

    Raises: InputError when it is no source tree of Kubernetes.
    """
    wanted = (".go-version", "go.mod", f"{_API_SERVER}/", GOLANG_SCRIPT)
    missing = [name for name in wanted if not (root / name).exists()]
    if missing:
        raise InputError(
            "not a source tree of Kubernetes",
            seen=f"no {', no '.join(missing)}" if root.is_dir() else "no such folder",
            wanted="a checkout of kubernetes/kubernetes",
            where=str(root),
            next_step="name the folder that holds go.mod and hack/; a released version is named by --kubernetes",
        )
    check_module(root)
    root = root.resolve()
    git, plain = Git(root, os.environ), f"{_line(root)}.0"
    try:
        commit = git.ask("rev-parse", "HEAD")
        date = git.ask("show", "--no-patch", "--format=%cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", "HEAD")
    except MachineError as error:
        return KubernetesTree(root, f"{plain}-unknown", reason=error.seen or error.what)
    try:
        # A file that git does not know is compiled in like any other, whatever the repository's own settings show.
        state = "dirty" if git.ask("status", "--porcelain", "--untracked-files=normal") else "clean"
        reason = ""
    except MachineError as error:
        state, reason = UNKNOWN, error.seen or error.what
    described = _tagged(git) or plain
    suffix = "" if state == "clean" else f"-{state}"
    plus = "" if "+" in described or not suffix else f"+{commit[:14]}"
    return KubernetesTree(root, f"{described}{plus}{suffix}", commit, state, date, reason)


def _tagged(git: Git) -> str:
    try:
        return _described(git.ask("describe", "--tags", "--match=v*", "--abbrev=14"))
    except MachineError:  # a checkout without tags
        return ""


def has_program(root: Path, name: str) -> bool:
    """Tell whether a tree has the main package of a program of Kubernetes, such as kube-controller-manager."""
    component = COMPONENTS.get(name)
    return component is not None and component.package.endswith(f"/cmd/{name}") and (root / "cmd" / name).is_dir()


def tree_job(tree: KubernetesTree, builder: Builder, more: Sequence[str] = ()) -> tuple[Job, Resolution]:
    """Return the job that builds the tree's kube-apiserver and `more` of its programs, and which Go was chosen why.

    Its own `kube::golang::setup_env` is run and has to select the same Go.

    Raises: InputError when its `.go-version` cannot be used; BuildError when its scripts select another Go.
    """
    go, resolution = tree_go(tree, builder)
    build = GoBuild(
        label="kubernetes-tree",
        mains=tuple(Main(name, f"./cmd/{name}", tree.version) for name in ("kube-apiserver", *dict.fromkeys(more))),
        module=".",
        gotoolchain=go.toolchain,
        tags=DEFAULT_RELEASE.build_tags,
        ldflags=(*version_flags(tree.stamps), "-s", "-w"),
        vendor=(tree.root / "vendor" / "modules.txt").is_file(),
        workspace=(tree.root / "go.work").is_file(),
    )
    return Job(build, go, tree.root, host_platform()), resolution


def tree_go(tree: KubernetesTree, builder: Builder) -> tuple[SelectedGo, Resolution]:
    """Return the Go of a tree by our rules, after its own scripts have agreed.

    Raises: InputError when its `.go-version` cannot be used; BuildError when its scripts select another Go.
    """
    resolution = resolve(builder.user, read_version_file(tree.root))
    go = select_go(builder, tree.root, resolution)
    found = setup_env_go(tree, go, builder)
    if found != go.version:
        raise BuildError(
            "the tree's own kube::golang::setup_env selects another Go than kms-e2e",
            seen=found,
            wanted=f"{go.version}, from {go.source}",
            where=str(tree.root / GOLANG_SCRIPT),
            next_step="report it with the tree's commit: the rules for the Go version have changed upstream",
        )
    return go, resolution


def setup_env_go(tree: KubernetesTree, go: SelectedGo, builder: Builder) -> str:
    """Run the tree's setup_env in bash, and return the Go that it selects, such as `go1.26.10`.

    It sees the user's GO_VERSION, GOTOOLCHAIN and FORCE_HOST_GO, our caches, and the Go command that we begin with.

    Raises: BuildError when it fails.
    """
    if shutil.which("bash") is None:
        raise InputError("there is no bash to run the tree's scripts with", next_step="install bash")
    found: list[str] = []
    with builder.go_in_use(), run_folder(builder.paths.temporary) as temporary:
        base = go_environment(builder.user, builder.paths, str(temporary))
        for name in ("GOTOOLCHAIN", "GOFLAGS", "GOWORK"):
            del base[name]
        own = {name: builder.user[name] for name in _DECIDING if name in builder.user}
        path = f"{go.program.path.parent}{os.pathsep}{builder.user.get('PATH', os.defpath)}"
        place = temporary / "setup-env"
        command = Command(
            ("bash", "-c", _SETUP),
            tree.root,
            {**base, **own, "PATH": path},
            builder.paths.logs / "setup-env.log",
            place,
        )
        command.log.write_text("", encoding="utf-8")
        finished = run_command(command, found.append)
    selected = [match[1] for line in found if (match := _SELECTED.fullmatch(line))]
    if finished.exit_code != 0 or not selected:
        raise BuildError(
            "the tree's own kube::golang::setup_env failed",
            seen="\n".join(finished.tail[-20:]) or f"exit code {finished.exit_code}",
            where=str(tree.root / GOLANG_SCRIPT),
            next_step=f"see {builder.paths.logs / 'setup-env.log'}",
        )
    return selected[-1]


def _line(root: Path) -> str:
    """Return the line that a tree without tags becomes, such as `v1.38`; the newest supported one when it says none."""
    try:
        match = _LINE.search((root / _BASE).read_text(encoding="utf-8"))
    except OSError:
        match = None
    return f"v{match[1] if match else DEFAULT_RELEASE.minor}"


def _described(text: str) -> str:
    """Return `git describe` as a semantic version, as upstream writes it: `v1.38.0-alpha.1-5-gabc` → `….1.5+abc`."""
    if not _DESCRIBED.fullmatch(text):
        return ""
    tag, dash, commit = text.rpartition("-g")
    if not dash:
        return text
    name, _, count = tag.rpartition("-")
    return f"{name}{'.' if '-' in name else '-'}{count}+{commit}"
