"""The store of finished binaries: an entry is complete and its digest right, or it does not exist.

An entry is the folder `<key>/` with the binary and `entry.json`. It is made in a temporary folder, flushed to the disk
and renamed, so a killed run or a power cut leaves either nothing or all of it. The digest is checked at every use:
an entry that was damaged since is removed and built again.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pipeline.core.result import from_json
from pipeline.errors import InputError, MachineError
from pipeline.host.paths import CachePaths
from pipeline.host.source import file_digest

ENTRY_FILE: Final = "entry.json"
LIMIT_BYTES: Final = 3 << 30
"""Room for the binaries of all supported Kubernetes versions (200 MB each) and a hundred plugins."""

_RECENT_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished binary.

    `go_version` is what the binary itself says (`go1.26.10`), `took_s` what its build took in seconds, `modules` are
    the modules in it with version and checksum, as the binary itself lists them.
    """

    key: str
    name: str
    sha256: str
    size_bytes: int
    go_version: str
    took_s: float = 0.0
    modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BinaryCache:
    """Finished binaries below the cache folder."""

    paths: CachePaths

    def path(self, entry: Entry) -> Path:
        """Return the binary's file."""
        return self.paths.binaries / entry.key / entry.name

    def find(self, key: str) -> Entry | None:
        """Return the entry of a content key when it is there and its bytes are those that were stored.

        A damaged entry counts as absent; `store` replaces it.
        """
        folder = self.paths.binaries / key
        try:
            entry = from_json(Entry, (folder / ENTRY_FILE).read_text(encoding="utf-8"), where=str(folder))
            binary = folder / entry.name
            intact = entry.key == key and file_digest(binary) == entry.sha256 and os.access(binary, os.X_OK)
            if not intact:
                return None
            os.utime(folder)
        except (OSError, InputError):
            return None
        return entry

    def store(self, binary: Path, entry: Entry) -> Entry:
        """Move a finished binary into the store, under the lock of its kind; it lies in a folder of the cache.

        What stands there under its key is damaged, or it would have been found; it is replaced.

        Raises: MachineError when the disk refuses it.
        """
        try:
            made = Path(tempfile.mkdtemp(prefix="entry-", dir=binary.parent))
            target = made / entry.name
            binary.replace(target)
            target.chmod(0o555)
            _flush(target)
            document = made / ENTRY_FILE
            document.write_text(json.dumps(asdict(entry)) + "\n", encoding="utf-8")
            _flush(document)
            made.chmod(0o755)
            _publish(made, self.paths.binaries / entry.key)
        except OSError as error:
            raise MachineError(
                "a finished binary could not be stored", seen=str(error), where=str(self.paths.binaries)
            ) from error
        return entry

    def trim(self, keep: set[str], *, limit_bytes: int = LIMIT_BYTES) -> int:
        """Remove the entries that were used longest ago until all together take at most `limit_bytes`; return how many.

        Those in `keep` and those used within the last hour stay. An assets folder with a hard link to a removed
        binary keeps it.
        """
        entries = sorted((folder for folder in self.paths.binaries.iterdir()), key=_used_at, reverse=True)
        total = removed = 0
        for folder in entries:
            total += sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
            recent = time.time() - _used_at(folder) < _RECENT_S
            if total > limit_bytes and folder.name not in keep and not recent:
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
        return removed


def place(binary: Path, target: Path) -> None:
    """Put a binary of the store at `target`, at once: a hard link, or a copy on another file system.

    Raises: MachineError when the folder cannot be written.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.exists() and target.samefile(binary):
            return
        temporary.unlink(missing_ok=True)
        try:
            temporary.hardlink_to(binary)
        except OSError:
            shutil.copyfile(binary, temporary)
            temporary.chmod(0o755)
        temporary.replace(target)
    except OSError as error:
        raise MachineError(
            "a binary could not be put into the assets folder",
            seen=str(error),
            where=str(target),
            next_step="make the folder writable, or name another one",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Write a small file so that a reader sees the old or the new content.

    Raises: MachineError when it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        _flush(temporary)
        temporary.replace(path)
    except OSError as error:
        raise MachineError("a file could not be written", seen=str(error), where=str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _publish(made: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    made.rename(target)
    _flush(target.parent)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _used_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0
