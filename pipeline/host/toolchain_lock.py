"""Add what is missing to the lock file of toolchains: `make lock-toolchains`.

Wanted is the Go of every Kubernetes release and of `.go-version`, on every platform. Each toolchain is downloaded into
an empty module cache by the bootstrap Go, so that the checksum database vouches for what is written down.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pipeline.core.build_plan import PLATFORMS
from pipeline.core.go_version import parse_go_version
from pipeline.core.kubernetes import RELEASES
from pipeline.errors import BuildError, KmsE2EError
from pipeline.host.bootstrap import bootstrap_go
from pipeline.host.command import Command, run_command
from pipeline.host.environment import go_environment
from pipeline.host.paths import CachePaths, cache_paths
from pipeline.host.project import reference_project
from pipeline.host.runs import run_folder
from pipeline.host.source import read_version_file
from pipeline.host.toolchains import LOCK, MODULE, locked_checksums, module_version

_HEAD: Final = "# Toolchains by name, platform and module checksum, as the checksum database vouched for them.\n"

Ask = Callable[[str, str], str]


def wanted() -> Iterator[tuple[str, str]]:
    """Yield name and platform of every toolchain that the project uses."""
    own = read_version_file(reference_project().root)
    versions = {release.go_version for release in RELEASES}
    if own.content is not None:
        versions.add(parse_go_version(own.content, where=own.path))
    for version in sorted(versions, key=lambda version: version.order):
        yield from ((version.toolchain, platform) for platform in PLATFORMS)


def extend(lock: Path, ask: Ask) -> list[str]:
    """Add the toolchains that the lock does not list, and return what could not be had, a line each.

    A checksum that is there is never replaced. `ask` returns the checksum of a name and platform.
    """
    known = locked_checksums(lock)
    missed = []
    for name, platform in wanted():
        if (name, platform) in known:
            continue
        try:
            known[name, platform] = ask(name, platform)
        except BuildError as error:
            missed.append(f"{name} {platform}: {error.seen}")
    lines = [f"{name} {platform} {checksum}\n" for (name, platform), checksum in sorted(known.items(), key=_order)]
    lock.write_text(_HEAD + "".join(lines), encoding="ascii")
    return missed


def _order(row: tuple[tuple[str, str], str]) -> tuple[tuple[int, ...], str]:
    (name, platform), _ = row
    return parse_go_version(name.encode(), where=str(LOCK)).order, platform


def vouched_checksum(paths: CachePaths, folder: Path) -> Ask:
    """Return a function that downloads a toolchain below `folder` and says its checksum.

    Raises: BuildError from that function when there is none or the checksum database does not vouch for it.
    """

    def ask(name: str, platform: str) -> str:
        environment = go_environment(os.environ, paths, str(folder))
        modules = folder / "modules"
        fresh = {"GOMODCACHE": str(modules), "GOPATH": str(folder / "path")}
        argv = (str(bootstrap_go().path), "mod", "download", "-json", f"{MODULE}@{module_version(name, platform)}")
        lines: list[str] = []
        run_command(Command(argv, folder, environment | fresh, folder / "log", folder / "go"), lines.append)
        shutil.rmtree(modules / "golang.org", ignore_errors=True)
        answer = json.loads("\n".join(line for line in lines if not line.startswith("go: ")) or "{}")
        if "Sum" not in answer:
            raise BuildError("there is no such toolchain", seen=" ".join(answer.get("Error", "no answer").split()))
        return str(answer["Sum"])

    return ask


def main() -> int:
    """Extend the lock file; exit code 1 when a toolchain could not be had."""
    try:
        paths = cache_paths(os.environ)
        paths.make()
        with run_folder(paths.temporary) as folder:
            missed = extend(LOCK, vouched_checksum(paths, folder))
    except KmsE2EError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    for line in missed:
        sys.stderr.write(f"not locked: {line}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
