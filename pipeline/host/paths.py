"""The folders of the user's cache. Nothing is written outside of it while building."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError, MachineError


@dataclass(frozen=True, slots=True)
class CachePaths:
    """Where things lie below the cache's root folder."""

    root: Path

    @property
    def binaries(self) -> Path:
        """Finished binaries by content key."""
        return self.root / "binaries"

    @property
    def assets(self) -> Path:
        """Assets folders that were made without an explicit output."""
        return self.root / "assets"

    @property
    def go(self) -> Path:
        """GOPATH; the module cache and the build cache lie below it."""
        return self.root / "go"

    @property
    def modules(self) -> Path:
        """GOMODCACHE."""
        return self.go / "mod"

    @property
    def compiled(self) -> Path:
        """GOCACHE."""
        return self.go / "build"

    @property
    def home(self) -> Path:
        """HOME of the Go command, so that no configuration of the user is read or written."""
        return self.root / "home"

    @property
    def locks(self) -> Path:
        """Lock files, and who holds them."""
        return self.root / "locks"

    @property
    def logs(self) -> Path:
        """The full output of the last build of each kind."""
        return self.root / "logs"

    @property
    def temporary(self) -> Path:
        """GOTMPDIR and half-made results, a folder a run."""
        return self.root / "tmp"

    @property
    def timings(self) -> Path:
        """How long the last build of each kind took."""
        return self.root / "timings"

    def make(self) -> None:
        """Make the folders.

        Raises: MachineError when one cannot be made or written.
        """
        folders = (self.binaries, self.assets, self.modules, self.compiled, self.home, self.locks, self.logs)
        try:
            for folder in (*folders, self.temporary, self.timings):
                folder.mkdir(parents=True, exist_ok=True)
            self._switch_telemetry_off()
        except OSError as error:
            raise MachineError(
                "the cache folder cannot be written",
                seen=str(error),
                where=str(self.root),
                next_step="make it writable, or name another folder in KMS_E2E_CACHE",
            ) from error

    def _switch_telemetry_off(self) -> None:
        """Write the file that `go telemetry off` writes: it would start a process that could outlive the build."""
        mode = self.home / ".config" / "go" / "telemetry" / "mode"
        if not mode.exists():
            mode.parent.mkdir(parents=True, exist_ok=True)
            mode.write_text("off\n", encoding="ascii")


def cache_paths(environment: Mapping[str, str]) -> CachePaths:
    """Return the cache of this user: $KMS_E2E_CACHE, else $XDG_CACHE_HOME/kms-e2e, else ~/.cache/kms-e2e.

    Raises: InputError when the user's home folder is not known either.
    """
    if own := environment.get("KMS_E2E_CACHE"):
        if os.pathsep in own:  # GOPATH would take it for two folders
            raise InputError("the cache's path cannot hold a colon", seen=own, where="KMS_E2E_CACHE in the environment")
        return CachePaths(Path(own).expanduser().absolute())
    base = environment.get("XDG_CACHE_HOME", "")
    if base.startswith("/"):  # the XDG specification: a relative path is to be ignored
        return CachePaths(Path(base) / "kms-e2e")
    home = environment.get("HOME", "")
    if not home.startswith("/"):
        raise InputError(
            "no place for the cache is known",
            seen="neither KMS_E2E_CACHE nor XDG_CACHE_HOME nor HOME is an absolute path",
            where="the environment",
            next_step="name a folder in KMS_E2E_CACHE",
        )
    return CachePaths(Path(home) / ".cache" / "kms-e2e")
