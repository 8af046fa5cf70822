"""The structure that docs/architecture.md promises: one direction of imports, small files and functions."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pipeline"
MOST_LINES = 300
MOST_FUNCTION_LINES = 30
# What each part of the package may import of the others.
MAY_IMPORT = {
    "errors": set(),
    "core": {"errors"},
    "host": {"errors", "core"},
    "containers": {"errors", "core"},
    "harness": {"errors", "core"},
    "report": {"errors", "core"},
    "suite": {"errors", "core", "harness", "report"},
    "cli": {"errors", "core", "host", "harness", "report", "suite"},
    "main": {"errors", "core", "containers"},
}
STANDARD = sys.stdlib_module_names


def sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if not path.stem.endswith(("_pb2", "_pb2_grpc")))


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "pipeline")


@pytest.mark.parametrize("path", sources(), ids=names(sources()))
def test_imports_go_one_way(path: Path) -> None:
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if part == "__init__":
        return
    used = {name.split(".")[1] for name in imports(path) if name.startswith("pipeline.")}
    assert used - {part, "__version__"} <= MAY_IMPORT[part]


@pytest.mark.parametrize("path", [p for p in sources() if "core" in p.parts], ids=lambda path: path.name)
def test_core_uses_the_standard_library_only(path: Path) -> None:
    outside = {name.split(".")[0] for name in imports(path)} - STANDARD - {"pipeline"}
    assert not outside


@pytest.mark.parametrize("path", sources(), ids=names(sources()))
def test_files_and_functions_are_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    long = {node.name: _lines(node) for node in functions(ast.parse(text)) if _lines(node) > MOST_FUNCTION_LINES}
    assert not long


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno else 0


@pytest.mark.parametrize("module", ["pipeline", "pipeline.core.go_version", "pipeline.core.build_plan"])
def test_core_loads_no_dagger(module: str) -> None:
    probe = f"import sys, {module}; sys.exit('dagger' in sys.modules or 'grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], cwd=ROOT, check=False).returncode == 0


def test_the_suite_needs_no_dagger() -> None:
    blocked = "import sys; sys.modules['dagger'] = None; import pipeline.suite.__main__, pipeline.cli.app"
    assert subprocess.run([sys.executable, "-c", blocked], cwd=ROOT, check=False).returncode == 0


def test_the_pytest_plugin_loads_nothing_heavy() -> None:
    probe = (
        "import sys, pipeline.suite.fixtures; "
        "sys.exit(bool({'grpc', 'httpx', 'cryptography', 'jinja2', 'dagger'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", probe], cwd=ROOT, check=False).returncode == 0
