"""As whom and in which root file system a plugin runs: another user, chroot for an image, nothing mounted."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import InputError, MachineError

_USER_FILE: Final = "etc/passwd"


@dataclass(frozen=True, slots=True)
class Jail:
    """A user, and a folder that is the root file system; None for the machine's own."""

    uid: int
    gid: int
    root: Path | None = None

    @property
    def word(self) -> str:
        """Return what exec_shim understands."""
        return f"{self.uid}:{self.gid}:{self.root or ''}"

    def inside(self, path: Path) -> str:
        """Return a path as a process in the jail sees it."""
        return str(path) if self.root is None else f"/{path.relative_to(self.root)}"

    def outside(self, path: str) -> Path:
        """Return the machine's path of one that a process in the jail sees."""
        return Path(path) if self.root is None else self.root / path.lstrip("/")

    def own(self, path: Path) -> None:
        """Give a file or folder to the user."""
        os.chown(path, self.uid, self.gid)


def make_jail(user: str, root: Path | None) -> Jail | None:
    """Return the jail of a user (`name`, `uid` or `uid:gid`) and a root; None when neither is asked for.

    Raises: InputError for a user that does not exist; MachineError without root's rights, unless the user is oneself.
    """
    if not user and root is None:
        return None
    jail = _resolved(user, root)
    if os.geteuid() != 0 and (root is not None or jail.uid != os.getuid()):
        raise MachineError(
            "another user or root file system for the plugin needs root",
            seen=f"uid {os.geteuid()}",
            wanted=f"user {user}" + (" in the image's own root" if root else ""),
            where="run.user of kms-e2e.toml",
            next_step="run it as root or in containers, or leave the user out",
        )
    return jail if os.geteuid() == 0 else None


def _resolved(user: str, root: Path | None) -> Jail:
    name, _, group = user.partition(":")
    if name.isdigit():
        found = next((ids for ids in _users(root).values() if ids[0] == int(name)), (int(name), int(name)))
        return Jail(int(name), int(group) if group.isdigit() else found[1], root)
    ids = _users(root).get(name)
    if ids is None:
        raise InputError(
            "there is no such user",
            seen=name,
            wanted="a user's name, uid or uid:gid",
            where=str(root / _USER_FILE) if root else f"/{_USER_FILE}",
            next_step="correct run.user in kms-e2e.toml",
        )
    return Jail(*ids, root)


def _users(root: Path | None) -> dict[str, tuple[int, int]]:
    if root is None:
        return {entry.pw_name: (entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall()}
    path = root / _USER_FILE
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    entries = (line.split(":") for line in lines if line.count(":") >= 3)  # noqa: PLR2004 - name, password, uid, gid
    return {entry[0]: (int(entry[2]), int(entry[3])) for entry in entries if entry[2].isdigit() and entry[3].isdigit()}


def copy_root(source: Path, target: Path, *, linked: bool) -> None:
    """Copy a root file system with its owners; `linked` shares the files, for a user who cannot write to them.

    Raises: MachineError when it cannot be copied.
    """
    same = linked and source.stat().st_dev == target.parent.stat().st_dev
    words = ["/bin/cp", "-al" if same else "-a", str(source), str(target)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MachineError("the image's root file system cannot be copied", seen=done.stderr[-300:], where=str(target))
