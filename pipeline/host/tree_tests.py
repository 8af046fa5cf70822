"""Upstream's own integration tests of KMS, run in a source tree with the tree's Go and our etcd."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from pipeline.errors import BuildError
from pipeline.host.cache import BinaryCache
from pipeline.host.command import Command, run_command
from pipeline.host.compile import Builder
from pipeline.host.environment import go_environment
from pipeline.host.jobs import etcd_job
from pipeline.host.kubernetes_tree import KubernetesTree, tree_go
from pipeline.host.runs import run_folder

PACKAGES: Final = ("./test/integration/controlplane/transformation/...",)
_TIMEOUT_S: Final = 3600.0


@dataclass(slots=True)
class TestTally:
    """How upstream's tests ended: the names of those that passed, failed and were skipped, as package and test."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, line: str, show: Callable[[str], None]) -> None:
        """Take in a line of `go test -json`; what is not JSON, or is printed by a test, is shown."""
        try:
            event = json.loads(line)
        except ValueError:
            show(line)
            return
        action, name = event.get("Action"), event.get("Test", "")
        if action in {"output", "build-output"} and event.get("Output"):
            show(str(event["Output"]).rstrip("\n"))
        ended = {"pass": self.passed, "fail": self.failed, "skip": self.skipped}.get(action)
        if ended is not None and name:
            ended.append(f"{event.get('Package', '')} {name}")


def run_tree_tests(
    tree: KubernetesTree, builder: Builder, *, focus: str = "", show: Callable[[str], None]
) -> TestTally:
    """Run the tests of PACKAGES with the tree's Go; our etcd is the first on PATH.

    `focus` is a regular expression as for `go test -run`. The whole output is in logs/tree-tests.log of the cache.

    Raises: BuildError when they cannot be compiled, or end badly without naming a failed test.
    """
    builder.paths.make()
    go, _ = tree_go(tree, builder)
    etcd = BinaryCache(builder.paths).path(builder.build(etcd_job())[0].entry).parent
    tally = TestTally()
    with builder.go_in_use(), run_folder(builder.paths.temporary) as temporary:
        environment = go_environment(builder.user, builder.paths, str(temporary))
        del environment["GOWORK"]  # the tree is a workspace
        path = f"{etcd}{os.pathsep}{environment.get('PATH', os.defpath)}"
        # As kube-apiserver is built, or all of its packages would be compiled once more: -trimpath, and no cgo.
        fixed = ("test", "-json", "-trimpath", "-count=1", f"-timeout={_TIMEOUT_S:.0f}s")
        words = (*fixed, *((f"-run={focus}",) if focus else ()))
        command = Command(
            (str(go.program.path), *words, *PACKAGES),
            tree.root,
            {**environment, "GOTOOLCHAIN": go.toolchain, "CGO_ENABLED": "0", "PATH": path},
            builder.paths.logs / "tree-tests.log",
            temporary / "tests",
            _TIMEOUT_S,
        )
        command.log.write_text("", encoding="utf-8")
        finished = run_command(command, lambda line: tally.add(line, show))
    if finished.exit_code != 0 and not tally.failed:
        raise BuildError(
            "upstream's tests could not be run",
            seen=f"exit code {finished.exit_code}",
            where=command.pasteable,
            next_step=f"see {command.log}",
        )
    return tally
