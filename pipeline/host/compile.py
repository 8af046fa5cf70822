"""Execute the builds of a plan: from the store when the binaries are there, else by one Go command a module graph."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.core.build_plan import GoBuild, Main, content_key
from pipeline.errors import BuildError, InputError
from pipeline.host.cache import BinaryCache, Entry, write_atomically
from pipeline.host.disk import check_room, needed_bytes, parallel_compilers
from pipeline.host.environment import build_environment, compiler_identity, go_environment
from pipeline.host.go import SelectedGo, Workplace
from pipeline.host.locks import exclusive, shared
from pipeline.host.paths import CachePaths
from pipeline.host.progress import Progress, Work
from pipeline.host.runs import run_folder, sweep
from pipeline.host.source import file_digest, source_digest

GO_LOCK: Final = "go.lock"
"""Held by everybody who builds; trimming Go's own caches needs it alone."""

_NAMES: Final = "-f={{.ImportPath}}{{if not .DepOnly}} package {{.Name}}{{end}}"
_NAMED: Final = re.compile(r"(?P<path>\S+) package (?P<name>\S+)")


@dataclass(frozen=True, slots=True)
class Job:
    """One build of a plan: with which Go, and in which folder its module lies.

    `platform` is that of this machine, where the Go command runs; `target` what is built for, if it is another.
    """

    build: GoBuild
    go: SelectedGo
    folder: Path
    platform: str
    target: str = ""

    @property
    def built_for(self) -> str:
        """Return the platform of the binaries, such as `linux/arm64`."""
        return self.target or self.platform

    def digest(self) -> str:
        """Return the digest of what is compiled: the module's files, or of a pinned graph go.mod and go.sum."""
        if not self.build.pinned:
            return source_digest(self.folder, workspace=self.build.workspace)
        return " ".join(file_digest(self.folder / name) for name in ("go.mod", "go.sum"))


@dataclass(frozen=True, slots=True)
class Built:
    """A finished binary of a job. `compiled` says whether it was built by this run."""

    main: Main
    entry: Entry
    compiled: bool


@dataclass(frozen=True, slots=True)
class Builder:
    """Executes jobs with one cache, one user environment and one listener."""

    paths: CachePaths
    user: Mapping[str, str]
    progress: Progress

    def build(self, job: Job) -> tuple[Built, ...]:
        """Return the binaries of a job, compiling those that the store does not have.

        Two runs at once do the work once: the second waits and says for whom.

        Raises: KmsE2EError when something cannot be built; nothing half-made stays.
        """
        digest = job.digest()
        found = self._find(job, digest)
        if None not in found.values():
            return self._result(job, found, compiled=())
        lock = self.paths.locks / f"build-{job.build.label}.lock"
        with exclusive(lock, f"building {job.build.label}", waiting=self.progress.note), self.go_in_use():
            found = self._find(job, digest)  # another run may have built it meanwhile
            missing = [main for main in job.build.mains if found[main] is None]
            if missing:
                found |= self._compile(job, missing, digest)
        return self._result(job, found, compiled=missing)

    def prefetch(self, job: Job) -> None:
        """Fetch the toolchain and the modules of a job, so that it can be built without a network.

        Raises: KmsE2EError when something cannot be had.
        """
        lock = self.paths.locks / f"build-{job.build.label}.lock"
        alone = exclusive(lock, f"fetching {job.build.label}", waiting=self.progress.note)
        with alone, self.go_in_use(), self._compilation(job, job.build.mains) as compilation:
            compilation.fetch()

    def go_in_use(self) -> AbstractContextManager[None]:
        """Keep other runs from trimming Go's caches."""
        return shared(self.paths.locks / GO_LOCK)

    def workplace(self, label: str, temporary: Path) -> Workplace:
        """Return where the Go commands of a build run."""
        go_temporary = temporary / "go"
        go_temporary.mkdir(exist_ok=True)
        environment = go_environment(self.user, self.paths, str(go_temporary))
        return Workplace(environment, self.paths.logs / f"{label}.log", temporary)

    def _find(self, job: Job, digest: str) -> dict[Main, Entry | None]:
        cache = BinaryCache(self.paths)
        return {main: cache.find(self._key(job, main, digest)) for main in job.build.mains}

    def _key(self, job: Job, main: Main, digest: str) -> str:
        extra = compiler_identity(self.user) if job.build.cgo else ()
        return content_key(
            job.build, main, platform=job.built_for, go=job.go.identity, source_digest=digest, extra=extra
        )

    def _result(self, job: Job, found: Mapping[Main, Entry | None], compiled: Sequence[Main]) -> tuple[Built, ...]:
        return tuple(
            Built(main, entry, main in compiled) for main in job.build.mains if (entry := found[main]) is not None
        )

    @contextmanager
    def _compilation(self, job: Job, mains: Sequence[Main]) -> Iterator[_Compilation]:
        sweep(self.paths.temporary)
        with run_folder(self.paths.temporary) as temporary:
            base = self.workplace(job.build.label, temporary)
            base.log.write_text("", encoding="utf-8")
            environment = build_environment(base.environment, self.user, job.build, job.built_for)
            yield _Compilation(self, job, tuple(mains), Workplace(environment, base.log, temporary))

    def _compile(self, job: Job, missing: Sequence[Main], digest: str) -> dict[Main, Entry | None]:
        with self._compilation(job, missing) as compilation:
            began = time.monotonic()
            binaries = compilation.run()
            took_s = time.monotonic() - began
            if job.digest() != digest:
                raise BuildError(
                    "the source changed while it was compiled",
                    seen=f"other files than when the build of {job.build.label} began",
                    where=str(job.folder),
                    next_step="run it again",
                )
            keys = {main: self._key(job, main, digest) for main in missing}
            return {main: self._store(keys[main], main, binaries[main], took_s) for main in missing}

    def _store(self, key: str, main: Main, binary: _Binary, took_s: float) -> Entry:
        entry = Entry(
            key=key,
            name=main.name,
            sha256=file_digest(binary.path),
            size_bytes=binary.path.stat().st_size,
            go_version=binary.go_version,
            took_s=round(took_s, 3),
            modules=binary.modules,
        )
        return BinaryCache(self.paths).store(binary.path, entry)


@dataclass(frozen=True, slots=True)
class _Binary:
    path: Path
    go_version: str
    modules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Compilation:
    """What one Go command compiles, under the lock."""

    builder: Builder
    job: Job
    mains: tuple[Main, ...]
    workplace: Workplace

    def run(self) -> dict[Main, _Binary]:
        timings = self.builder.paths.timings / f"{self.job.build.label}.json"
        needed = needed_bytes(self.job.build.label, built_before=timings.exists())
        check_room(self.builder.paths.root, needed, self.job.build.label)
        total = self.fetch()
        took_s = self._compile(total, _last_time(timings))
        write_atomically(timings, json.dumps({"took_s": took_s}) + "\n")
        return {main: self._inspect(main) for main in self.mains}

    def fetch(self) -> int:
        """Fetch toolchain and modules that are missing; return how many packages the binaries are made of."""
        self.job.go.check_version(self.job.folder, self.workplace, self.job.platform)
        work = Work(f"{self.job.build.label}: modules")
        packages = downloads = 0

        def on_line(line: str) -> None:
            nonlocal packages, downloads
            if line.startswith("go: downloading "):
                downloads += 1
                self.builder.progress.advanced(work, downloads, line.removeprefix("go: downloading "))
            else:
                packages += 1
                if not self.job.build.test:
                    _refuse_library(line, self.job)

        self.builder.progress.started(work)
        began = time.monotonic()
        tags = (f"-tags={','.join(self.job.build.tags)}",) if self.job.build.tags else ()
        tests = ("-test",) if self.job.build.test else ()
        options = (*self.job.build.flags[-1:], "-deps", *tests, _NAMES, *tags)
        argv = ("go", "list", *options, *(main.package for main in self.mains))
        self._go(argv, f"fetching the modules of {self.job.build.label}", on_line)
        self.builder.progress.finished(work, time.monotonic() - began)
        return packages

    def _compile(self, total: int, last_time_s: float | None) -> float:
        names = ", ".join(main.name for main in self.mains)
        work = Work(f"{names} with {self.job.go.version}", total, last_time_s)
        done = 0

        def on_line(line: str) -> None:
            nonlocal done
            if line and " " not in line:
                done += 1
                self.builder.progress.advanced(work, done, line)

        output = self.workplace.temporary / "out"
        output.mkdir()
        single = len(self.mains) == 1
        target = str(output / self.mains[0].name) if single else f"{output}/"
        self.builder.progress.started(work)
        began = time.monotonic()
        self._go(self.job.build.argv(target, self.mains, parallel=parallel_compilers()), f"compiling {names}", on_line)
        took_s = time.monotonic() - began
        self.builder.progress.finished(work, took_s)
        for main in () if single else self.mains:
            (output / main.built_as).rename(output / main.name)
        return took_s

    def _inspect(self, main: Main) -> _Binary:
        path = self.workplace.temporary / "out" / main.name
        modules = self.job.go.modules_of(path, self.workplace)
        return _Binary(path, self.job.go.version, modules)

    def _go(self, argv: tuple[str, ...], what: str, on_line: Callable[[str], None]) -> None:
        self.job.go.run(argv, self.job.folder, self.workplace, what=what, on_line=on_line)


def _refuse_library(line: str, job: Job) -> None:
    """Refuse a package to be built that is no program; the Go command would write an archive without a word."""
    match = _NAMED.fullmatch(line)
    if match is not None and match["name"] != "main":
        raise InputError(
            "the plugin's package is not a program",
            seen=f"package {match['name']} in {match['path']}",
            wanted="package main",
            where=str(job.folder),
            next_step="name the package with the plugin's main function",
        )


def _last_time(timings: Path) -> float | None:
    try:
        return float(json.loads(timings.read_text(encoding="utf-8"))["took_s"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
