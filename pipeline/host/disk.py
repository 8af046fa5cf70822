"""Room on the disk, and how much of the machine one build may take."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Final

from pipeline.errors import MachineError

GIB: Final = 1 << 30
COMPILER_BYTES: Final = 3 * GIB // 2
"""Room for a compiler process. The biggest process of a build of Kubernetes 1.37.2 takes 2.3 GB, most far less."""

_NEEDS_BYTES: Final = {"kubernetes": 5 * GIB, "kube-controller-manager": 2 * GIB, "etcd": 3 * GIB // 2, "plugin": GIB}
_AGAIN_BYTES: Final = GIB


def needed_bytes(label: str, *, built_before: bool) -> int:
    """Return the room a build takes: modules, compiled packages and the link's temporary files.

    Measured on Kubernetes 1.37.2 from empty caches: 1.3 GiB of modules and 2.9 GiB of compiled packages.
    """
    return _AGAIN_BYTES if built_before else _NEEDS_BYTES.get(label, GIB)


def check_room(folder: Path, needed: int, what: str) -> None:
    """Check before a build that its disk has room, since the Go command's own message about it misleads (go#60076).

    Raises: MachineError, naming folder and need.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise MachineError(
            f"not enough room on the disk to build {what}",
            seen=f"{free / GIB:.1f} GiB free",
            wanted=f"{needed / GIB:.1f} GiB",
            where=str(folder),
            next_step="free some space, or name a folder on another disk in KMS_E2E_CACHE",
        )


def parallel_compilers() -> int:
    """Return how many compilers may run at a time: one a processor, fewer when memory is short."""
    return max(1, min(processors(), memory_bytes() // COMPILER_BYTES))


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int:
    """Return the memory that this process can have: the machine's, or less when its control group has a limit."""
    limits = [_available(), _number(Path("/sys/fs/cgroup/memory.max"))]
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else COMPILER_BYTES


def _available() -> int | None:
    try:
        match = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        try:
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (ValueError, OSError):
            return None
    return int(match[1]) * 1024 if match else None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
