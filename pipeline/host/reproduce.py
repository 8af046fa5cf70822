"""Build everything a second time under other circumstances, and compare the bytes.

Other is: the folder of the source, every folder of the cache (so nothing compiled is reused), the user's name, HOME,
time zone and language. The same is what the plan says, and the toolchain: its files are linked from the first cache.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline.errors import MachineError
from pipeline.host.bootstrap import bootstrap_go
from pipeline.host.build import Assets, Planned
from pipeline.host.cache import BinaryCache
from pipeline.host.compile import Builder, Job
from pipeline.host.paths import CachePaths
from pipeline.host.runs import run_folder
from pipeline.host.source import NOT_SOURCE, module_folders
from pipeline.host.toolchains import MODULE, module_version

_CHUNK_BYTES: Final = 1 << 20
_AROUND_BYTES: Final = 48
_SOMEBODY: Final = {"USER": "somebody", "LOGNAME": "somebody", "TZ": "Pacific/Kiritimati", "LANG": "tr_TR.UTF-8"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both builds of one binary: SHA-256 of each, the second one's folder of sources, and where they differ first."""

    name: str
    first: str
    second: str
    folder: Path
    difference: str = ""

    @property
    def same(self) -> bool:
        """Tell whether both are the same bytes."""
        return self.first == self.second


def rebuild(planned: Planned, assets: Assets) -> tuple[Comparison, ...]:
    """Build every binary of `assets` again, and compare.

    Raises: KmsE2EError when the second build fails.
    """
    paths = planned.builder.paths
    firsts = {built.main.name: built.entry for built in assets.binaries}
    found = []
    with planned.builder.go_in_use(), run_folder(paths.temporary) as folder:
        for job in planned.jobs:
            builder = _elsewhere(planned.builder, folder)
            _link_toolchain(paths, builder.paths, job)
            moved = replace(job, folder=_copied(job, folder / "somewhere else" / job.build.label))
            for built in builder.build(moved):
                first, second = firsts[built.main.name], built.entry
                difference = ""
                if first.sha256 != second.sha256:
                    both = (BinaryCache(paths).path(first), BinaryCache(builder.paths).path(second))
                    difference = first_difference(*both)
                found.append(Comparison(built.main.name, first.sha256, second.sha256, moved.folder, difference))
    return tuple(found)


def first_difference(one: Path, other: Path) -> str:
    """Say at which byte two files differ first, and which printable text stands around it in each."""
    with one.open("rb") as left, other.open("rb") as right:
        offset = 0
        while (chunk := left.read(_CHUNK_BYTES)) == (second := right.read(_CHUNK_BYTES)) and chunk:
            offset += len(chunk)
        offset += next((i for i, (a, b) in enumerate(zip(chunk, second, strict=False)) if a != b), 0)
        texts = []
        for file in (left, right):
            file.seek(max(0, offset - _AROUND_BYTES))
            texts.append(_printable(file.read(2 * _AROUND_BYTES)))
    return f"first at byte {offset} of {one.stat().st_size} and {other.stat().st_size}: {texts[0]!r} and {texts[1]!r}"


def _printable(content: bytes) -> str:
    return " ".join(found.decode("ascii") for found in re.findall(rb"[\x20-\x7e]{4,}", content))


def _elsewhere(builder: Builder, folder: Path) -> Builder:
    """Return a builder with another user's environment and an empty cache; modules come from the first one's files."""
    home = folder / "home of somebody"
    paths = CachePaths(home / ".cache" / "kms-e2e")
    first = (builder.paths.modules / "cache" / "download").as_uri()
    proxies = builder.user.get("GOPROXY") or _default_proxies()
    user: Mapping[str, str] = {**builder.user, **_SOMEBODY, "HOME": str(home), "GOPROXY": f"{first},{proxies}"}
    paths.make()
    return Builder(paths, user, builder.progress)


def _default_proxies() -> str:
    """Return the proxies that the Go command uses when nobody names one; it asks them for the checksum database too."""
    words = [str(bootstrap_go().path), "env", "GOPROXY"]
    environment = {"GOENV": "off", "GOTOOLCHAIN": "local", "HOME": os.devnull, "PATH": os.defpath}
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def _copied(job: Job, target: Path) -> Path:
    """Copy a job's module, with the local ones that are compiled with it at their places; return its new folder."""
    folders = module_folders(job.folder, workspace=job.build.workspace)
    base = Path(os.path.commonpath(folders))
    try:
        for folder in folders:
            inside = target / folder.relative_to(base)
            ignore = shutil.ignore_patterns(*NOT_SOURCE)
            shutil.copytree(folder, inside, symlinks=True, ignore=ignore, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise MachineError("the source cannot be copied", seen=str(error)[:300], where=str(job.folder)) from error
    return target / job.folder.relative_to(base)


def _link_toolchain(first: CachePaths, second: CachePaths, job: Job) -> None:
    """Give the second module cache the toolchain of the first, without another copy of its 250 MB."""
    version = module_version(job.go.version, job.platform)
    for part in (f"{MODULE}@{version}", f"cache/download/{MODULE}/@v"):
        source, target = first.modules / part, second.modules / part
        if source.is_dir() and not target.exists():
            shutil.copytree(source, target, symlinks=True, copy_function=_link)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target
