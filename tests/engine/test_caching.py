"""What is built again: nothing in a second run, nothing after an edit of Python, the plugin after an edit of Go."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.engine.calls import Answer, Call, checkout

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(7200)]
_BUILD = re.compile(r"^(?P<span>\d+)\s+:.* withExec go build .*?(?P<package>\S+)$", re.MULTILINE)
PROGRAMS = {".", "go.etcd.io/etcd/etcdutl/v3", "k8s.io/kubernetes/cmd/kube-apiserver"}


def builds(answer: Answer) -> dict[str, bool]:
    """Return the last package of each `go build` of a call, and whether it was executed (not taken from the cache)."""
    assert answer.returncode == 0, answer.stderr[-2000:]
    text = answer.stderr
    return {
        match["package"]: not re.search(rf"^{match['span']}\s+:.* Container\.withExec CACHED", text, re.MULTILINE)
        for match in _BUILD.finditer(text)
    }


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def test_an_edit_of_python_compiles_no_go_and_an_edit_of_go_only_the_plugin(dagger: Call, tmp_path: Path) -> None:
    tree = checkout(tmp_path / "tree")
    call = ("call", "report", "--focus=^A05", "passed")
    dagger(*call, cwd=tree)
    again = builds(dagger(*call, cwd=tree))
    assert set(again) >= PROGRAMS
    assert not any(again.values())
    for name in ("suite/run.py", "containers/suite.py"):  # of the suite, and of the module itself
        append(tree / "pipeline" / name, "\n# edited\n")
    edited = dagger(*call, cwd=tree)
    assert set(builds(edited)) == set(again)
    assert not any(builds(edited).values())
    assert edited.stdout.strip() == "1"
    append(tree / "plugins/reference/main.go", "\n// edited\n")
    recompiled = builds(dagger(*call, cwd=tree))
    assert {package for package, executed in recompiled.items() if executed} == {"."}
