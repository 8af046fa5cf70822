"""What the machine has and lacks for a run, each with the next step."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pipeline.core.kubernetes import DEFAULT_RELEASE
from pipeline.errors import KmsE2EError
from pipeline.host.bootstrap import bootstrap_go
from pipeline.host.command import Command, run_command
from pipeline.host.disk import GIB, memory_bytes, needed_bytes, processors
from pipeline.host.environment import go_environment, settings_not_passed
from pipeline.host.explain import last_lines
from pipeline.host.jobs import host_platform
from pipeline.host.paths import cache_paths
from pipeline.host.runs import run_folder

PYTHON_FLOOR: Final = (3, 11)
MEMORY_WANTED_BYTES: Final = 4 * GIB
NETWORK_TIMEOUT_S: Final = 60.0
LEFT_OUT_ON_MACOS: Final = (
    "processes that die with their parent by `kill -9` (there is no parent-death signal)",
    "abstract socket addresses",
    "A12, whose threads and descriptors are read from /proc",
    "in A11, A11b and A14b the id of the process behind the socket (SO_PEERCRED)",
    "the memory of a run (/proc)",
    "the port that is held for kube-apiserver while it starts (SO_REUSEPORT differs)",
)
"""What a run on macOS cannot show. Source: design decisions 5 and 11."""


class State(StrEnum):
    """OK: there. WARNING: works, with a restriction. MISSING: a run cannot work."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `next_step` is empty when it is all right."""

    name: str
    state: State
    seen: str
    next_step: str = ""


def examine(environment: Mapping[str, str], *, network: bool = True) -> Iterator[Finding]:
    """Look at everything a run needs; with `network` the module proxy too, by the Go command itself."""
    yield _python()
    yield _platform()
    yield from (_program(name, why) for name, why in (("make", "`make e2e`"), ("git", "cloning the project")))
    yield _go()
    yield _environment(environment)
    yield _disk(environment)
    yield _memory()
    if network:
        yield _network(environment)


def _python() -> Finding:
    seen = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= PYTHON_FLOOR:
        return Finding("Python", State.OK, seen)
    return Finding("Python", State.MISSING, seen, "install Python 3.11 or newer and name it: make PYTHON=python3.11")


def _platform() -> Finding:
    try:
        found = host_platform()
    except KmsE2EError as error:
        return Finding("platform", State.MISSING, error.seen or "", error.next_step or "")
    if found.startswith("linux/"):
        return Finding("platform", State.OK, found)
    left_out = "; ".join(LEFT_OUT_ON_MACOS)
    step = f"run it with Dagger (README), or here as best effort without: {left_out}"
    return Finding("platform", State.WARNING, found, step)


def _program(name: str, why: str) -> Finding:
    found = shutil.which(name)
    if found:
        return Finding(name, State.OK, found)
    return Finding(name, State.WARNING, "not on PATH", f"install {name}; it is needed for {why}")


def _go() -> Finding:
    try:
        program = bootstrap_go()
    except KmsE2EError as error:
        return Finding("bootstrap Go", State.MISSING, f"{error.what}: {error.seen or 'none'}", error.next_step or "")
    return Finding("bootstrap Go", State.OK, f"{program.version} from {program.origin}")


def _environment(environment: Mapping[str, str]) -> Finding:
    try:
        paths = cache_paths(environment)
        go_environment(environment, paths, str(paths.temporary))
    except KmsE2EError as error:
        return Finding("environment", State.MISSING, error.seen or error.what, error.next_step or "")
    if settings := settings_not_passed(environment):
        step = "nothing to do: builds have an environment of their own, these are not passed"
        return Finding("environment", State.OK, " ".join(settings), step)
    return Finding("environment", State.OK, "nothing that would change a build")


def _disk(environment: Mapping[str, str]) -> Finding:
    try:
        paths = cache_paths(environment)
        paths.make()
    except KmsE2EError as error:
        return Finding("cache", State.MISSING, f"{error.what}: {error.seen}", error.next_step or "")
    built_before = (paths.timings / "kubernetes.json").exists()
    wanted = needed_bytes("kubernetes", built_before=built_before)
    free = shutil.disk_usage(paths.root).free
    seen = f"{paths.root}: {free / GIB:.1f} GiB free, {'warm' if built_before else 'empty'}"
    if free >= wanted:
        return Finding("cache", State.OK, seen)
    step = f"free {wanted / GIB:.0f} GiB there, or name a folder on another disk in KMS_E2E_CACHE"
    return Finding("cache", State.MISSING, seen, step)


def _memory() -> Finding:
    available = memory_bytes()
    seen = f"{available / GIB:.1f} GiB for {processors()} processors"
    if available >= MEMORY_WANTED_BYTES:
        return Finding("memory", State.OK, seen)
    step = (
        f"{MEMORY_WANTED_BYTES // GIB} GiB are wanted: compiling runs with fewer compilers, the suite with --parallel 1"
    )
    return Finding("memory", State.WARNING, seen, step)


def _network(environment: Mapping[str, str]) -> Finding:
    """Fetch a small module into an empty module cache, with its entry of the checksum database, as a build would."""
    try:
        program, paths = bootstrap_go(), cache_paths(environment)
        paths.make()
        with run_folder(paths.temporary) as folder:
            base = go_environment(environment, paths, str(folder))
            fresh = {"GOPATH": str(folder / "path"), "GOMODCACHE": str(folder / "path" / "mod")}
            argv = (str(program.path), "mod", "download", f"k8s.io/kms@{DEFAULT_RELEASE.staging_version}")
            log = paths.logs / "doctor.log"
            finished = run_command(Command(argv, folder, base | fresh, log, folder / "go", timeout_s=NETWORK_TIMEOUT_S))
    except (KmsE2EError, OSError) as error:
        return Finding("module proxy", State.MISSING, str(error), "see above")
    if finished.exit_code == 0:
        return Finding("module proxy", State.OK, "it and the checksum database answer")
    step = "connect the machine, or set HTTPS_PROXY, SSL_CERT_FILE or GOPROXY; a warm cache needs no network"
    return Finding("module proxy", State.WARNING, last_lines(finished.tail[-3:]).strip(), step)
