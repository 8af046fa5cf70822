"""As whom and in which root file system a plugin runs: another user, chroot for an image, nothing mounted."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import InputError, MachineError

_USER_FILE: Final = "etc/passwd"
_GROUP_FILE: Final = "etc/group"
_NO_HOME: Final = "/"
"""The home of a user without an entry, as container runtimes set it."""


@dataclass(frozen=True, slots=True)
class Jail:
    """A user with a home, a folder that is the root file system (None for the machine's own), and where it starts."""

    uid: int
    gid: int
    root: Path | None = None
    home: str = _NO_HOME
    workdir: str = "/"

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
    """Return the jail of a user (`name` or `uid`, with `:group` or `:gid`) and a root; None without both.

    Raises: InputError for a user or group that does not exist; MachineError without root's rights, unless the user is
    oneself.
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
    users = _users(root)
    if name.isdigit():
        entry = next((entry for entry in users.values() if entry.uid == int(name)), _User(int(name), int(name)))
    elif name in users:
        entry = users[name]
    else:
        raise _unknown("user", name, root, _USER_FILE)
    return Jail(entry.uid, _gid(group, root) if group else entry.gid, root, entry.home or _NO_HOME)


def _gid(group: str, root: Path | None) -> int:
    if group.isdigit():
        return int(group)
    if root is None:
        groups = {entry.gr_name: entry.gr_gid for entry in grp.getgrall()}
    else:
        groups = {name: int(gid) for name, _, gid, *_ in _entries(root / _GROUP_FILE, 3) if gid.isdigit()}
    if group not in groups:
        raise _unknown("group", group, root, _GROUP_FILE)
    return groups[group]


def _unknown(kind: str, name: str, root: Path | None, file: str) -> InputError:
    return InputError(
        f"there is no such {kind}",
        seen=name,
        wanted="a user's name or uid, with :group or :gid for another group",
        where=str((root or Path("/")) / file),
        next_step="correct run.user in kms-e2e.toml, or USER of the image",
    )


@dataclass(frozen=True, slots=True)
class _User:
    uid: int
    gid: int
    home: str = ""


def _users(root: Path | None) -> dict[str, _User]:
    if root is None:
        return {entry.pw_name: _User(entry.pw_uid, entry.pw_gid, entry.pw_dir) for entry in pwd.getpwall()}
    return {
        name: _User(int(uid), int(gid), rest[1] if len(rest) > 1 else "")
        for name, _, uid, gid, *rest in _entries(root / _USER_FILE, 4)
        if uid.isdigit() and gid.isdigit()
    }


def _entries(path: Path, fields: int) -> list[list[str]]:
    """Return the lines of an image's passwd or group with at least so many fields."""
    if path.is_symlink() or not path.is_file():  # a link would lead to the machine's own
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [entry for entry in (line.split(":") for line in lines) if len(entry) >= fields]


def copy_root(source: Path, target: Path, jail: Jail | None) -> None:
    """Copy a root file system with its owners; files are shared when the user can change none of them.

    Raises: MachineError when it cannot be copied.
    """
    same = source.stat().st_dev == target.parent.stat().st_dev
    shared = same and jail is not None and not can_change(source, jail)
    words = ["/bin/cp", "-al" if shared else "-a", str(source), str(target)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MachineError("the image's root file system cannot be copied", seen=done.stderr[-300:], where=str(target))


def can_change(folder: Path, jail: Jail) -> bool:
    """Tell whether a user can write to a file in a folder, or give itself the right to; folders are never shared."""
    if jail.uid == 0:
        return True
    files = (Path(at) / name for at, _, names in os.walk(folder) for name in names)
    for found in (path.lstat() for path in files):
        writable = found.st_mode & (stat.S_IWOTH | (stat.S_IWGRP if found.st_gid == jail.gid else 0))
        if stat.S_ISREG(found.st_mode) and (found.st_uid == jail.uid or writable):
            return True
    return False
