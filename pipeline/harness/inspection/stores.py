"""Open a store for reading: an endpoint as it is; a data folder or a snapshot by a temporary etcd on a copy."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

from pipeline.errors import InputError, MachineError, ProcessError
from pipeline.harness.etcd import Etcd
from pipeline.harness.inspection.reader import EtcdReader, TlsFiles
from pipeline.harness.snapshot import restore_snapshot
from pipeline.harness.supervisor import Supervisor

_DATABASE: Final = Path("member", "snap", "db")
_WAL: Final = Path("member", "wal")
# What the temporary etcd writes on top of the copy: its first WAL segment has 64 MB.
_LAST_WRITE: Final = (
    "data folder of a killed etcd: its very last write may be missing here, since only the next one would have "
    "noted it as committed"
)
_SPARE_BYTES: Final = 256 * 1024 * 1024


class StoreKind(StrEnum):
    """Where a store is read from."""

    ENDPOINT = "endpoint"
    DATA_FOLDER = "data folder"
    SNAPSHOT = "snapshot"


def kind_of(source: str) -> StoreKind:
    """Tell an endpoint, a data folder and a snapshot apart.

    Raises: InputError when it is none of them.
    """
    if "://" in source:
        return StoreKind.ENDPOINT
    path = Path(source)
    if path.is_file():
        return StoreKind.SNAPSHOT
    if (path / _DATABASE).is_file():
        return StoreKind.DATA_FOLDER
    seen = f"a folder without {_DATABASE}" if path.is_dir() else "no such file or folder"
    raise InputError(
        "nothing to inspect",
        seen=seen,
        wanted="an endpoint (unix:///path, https://host:2379), a data folder of etcd, or a snapshot",
        where=source,
    )


@contextmanager
def open_store(source: str, tls: TlsFiles, assets: Callable[[], Path]) -> Iterator[EtcdReader]:
    """Open a store for reading; `assets` returns a folder with etcd and etcdutl, and is asked when they are needed.

    Nothing is written to the source: a data folder is copied first, a snapshot restored elsewhere.

    Raises: InputError when the source cannot be used (in use, torn, TLS); MachineError without room for the copy.
    """
    kind = kind_of(source)
    if kind is StoreKind.ENDPOINT:
        with EtcdReader(source, tls) as reader:
            yield reader
        return
    if tls.given:
        raise InputError("certificates are for an endpoint", seen=f"a {kind}", where=source)
    path = Path(source)
    with Supervisor("inspect", logs=Path(os.devnull)) as supervisor:
        supervisor.logs = supervisor.folder  # goes with the copy
        flags = _prepare(kind, path, supervisor.folder / "etcd", assets)
        etcd = Etcd(assets() / "etcd", supervisor, flags=flags)
        _start(etcd, path)
        with EtcdReader(etcd.endpoint) as reader:
            reader.note = _LAST_WRITE if kind is StoreKind.DATA_FOLDER else ""
            yield reader
        etcd.client.close()


def _prepare(kind: StoreKind, path: Path, data: Path, assets: Callable[[], Path]) -> tuple[str, ...]:
    """Make the copy and return the flags that etcd needs to serve it alone."""
    if kind is StoreKind.SNAPSHOT:
        _assert_room(path.stat().st_size, data.parent)
        restore_snapshot(assets() / "etcdutl", path, data)
        return ()
    _copy_unused(path, data)
    # The folder may be of one member of several, which would wait for the others.
    return ("--force-new-cluster",)


def _copy_unused(path: Path, data: Path) -> None:
    """Copy a data folder while holding the lock that a running etcd has.

    Source: go.etcd.io/bbolt locks its file by flock(2), exclusively for a writer.
    """
    _assert_whole(path)
    database = path / _DATABASE
    size = sum(file.stat().st_size for part in (database.parent, path / _WAL) for file in part.glob("*"))
    _assert_room(size, data.parent)
    try:
        with database.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            shutil.copytree(path / "member", data / "member")
    except BlockingIOError as error:
        raise InputError(
            "the data folder is in use",
            seen=f"another process holds the lock of {_DATABASE}",
            wanted="a data folder without a running etcd",
            where=str(path),
            next_step="name the endpoint of that etcd instead, or a snapshot of it",
        ) from error
    except (PermissionError, shutil.Error) as error:
        raise InputError("the data folder cannot be read", seen=str(error)[:300], where=str(path)) from error


def _assert_whole(path: Path) -> None:
    """Refuse a folder whose log is elsewhere: etcd would begin another one, and show an older store or none."""
    if not any((path / _WAL).glob("*.wal")):
        raise InputError(
            "the data folder has no write-ahead log",
            seen=f"no *.wal in {_WAL}",
            wanted="the last writes too",
            where=str(path),
            next_step="name the endpoint of its etcd or a snapshot, or put its --wal-dir into a copy",
        )


def _start(etcd: Etcd, source: Path) -> None:
    try:
        etcd.start()
    except ProcessError as error:
        raise InputError(
            "no etcd can be started on a copy of this store",
            seen=(error.seen or error.what)[-1500:],
            wanted="data of the same or an older release than that of the etcd among the binaries",
            where=str(source),
            next_step="inspect it by the endpoint of its own etcd",
        ) from error


def _assert_room(size: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + _SPARE_BYTES:
        raise MachineError(
            "no room for a copy of the store",
            seen=f"{free // 2**20} MiB free",
            wanted=f"{(size + _SPARE_BYTES) // 2**20} MiB",
            where=str(folder),
        )
