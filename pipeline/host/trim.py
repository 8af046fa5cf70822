"""Keep the cache's size in check, without disturbing another run."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Final

from pipeline.host.cache import BinaryCache
from pipeline.host.compile import GO_LOCK
from pipeline.host.locks import exclusive_if_free
from pipeline.host.paths import CachePaths
from pipeline.host.progress import Progress
from pipeline.host.runs import sweep

GIB: Final = 1 << 30
COMPILED_LIMIT_BYTES: Final = 12 * GIB
"""Four Kubernetes versions' compiled packages; the Go command trims by age (5 days unused), never by size."""

MODULES_LIMIT_BYTES: Final = 8 * GIB
ASSETS_KEPT: Final = 20
_LOOKED: Final = "looked-at"
_EVERY_S: Final = 24 * 3600


def trim_caches(paths: CachePaths, keep: set[str], progress: Progress, *, grown: bool) -> None:
    """Remove what was used longest ago: binaries (but those in `keep`), compiled packages, modules, assets folders.

    Go's caches have some 250,000 files, which takes seconds to look at: it is done when they have `grown` by a program
    of Kubernetes or etcd, else once a day. They are left alone while any run builds.
    """
    cache = BinaryCache(paths)
    sweep(paths.temporary)
    cache.trim(keep)
    _trim_assets(paths)
    if not grown and not _is_due(paths.locks / _LOOKED):
        return
    with exclusive_if_free(paths.locks / GO_LOCK) as alone:
        if alone:
            (paths.locks / _LOOKED).touch()
            freed = trim_compiled(paths.compiled, COMPILED_LIMIT_BYTES)
            freed += _trim_modules(paths)
            if freed:
                progress.note(f"cache: removed {freed / GIB:.1f} GiB of old modules and compiled packages")


def _is_due(mark: Path) -> bool:
    try:
        return time.time() - mark.stat().st_mtime > _EVERY_S
    except OSError:
        return True


def trim_compiled(folder: Path, limit_bytes: int) -> int:
    """Remove the files of Go's build cache that were used longest ago down to three quarters of the limit.

    Nothing happens below `limit_bytes`. Returns the bytes removed. Source: the Go command sets a file's time when it
    uses it (cmd/go/internal/cache), and recomputes what is missing.
    """
    files = []
    for path in folder.glob("[0-9a-f][0-9a-f]/*"):
        status = path.stat()
        files.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in files)
    removed = 0
    if total > limit_bytes:
        for _, size, path in sorted(files, key=lambda file: file[0]):
            if total - removed <= limit_bytes * 3 // 4:
                break
            path.unlink(missing_ok=True)
            removed += size
    return removed


def _trim_modules(paths: CachePaths) -> int:
    size = sum(os.lstat(Path(current, name)).st_size for current, _, names in os.walk(paths.modules) for name in names)
    if size <= MODULES_LIMIT_BYTES:
        return 0
    shutil.rmtree(paths.modules, ignore_errors=True)
    return size


def _trim_assets(paths: CachePaths) -> None:
    """Keep the assets folders of the last runs; a folder used within a day stays, since a suite may run from it."""
    folders = sorted(paths.assets.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in folders[ASSETS_KEPT:]:
        if time.time() - folder.stat().st_mtime > _EVERY_S:
            shutil.rmtree(folder, ignore_errors=True)
