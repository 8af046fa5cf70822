"""What git says of a checkout; nothing of it is run but git itself, which changes nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import MachineError

TIMEOUT_S: Final = 120.0
# The user's own settings hold safe.directory, without which git refuses a checkout of another owner.
_PASSED: Final = ("PATH", "HOME", "XDG_CONFIG_HOME")
_FIXED: Final = {"LC_ALL": "C", "TZ": "UTC", "GIT_OPTIONAL_LOCKS": "0"}


@dataclass(frozen=True, slots=True)
class Git:
    """git in one folder, which has to be a checkout of its own and not lie in another repository's."""

    root: Path
    environment: Mapping[str, str]

    def ask(self, *words: str) -> str:
        """Return what a git command prints, without white space around it.

        Raises: MachineError when it fails, is missing, or takes more than 120 s; its text is the reason.
        """
        if not (self.root / ".git").exists():
            raise MachineError("no git checkout", where=str(self.root))
        environment = {**{name: self.environment[name] for name in _PASSED if name in self.environment}, **_FIXED}
        environment.setdefault("PATH", os.defpath)
        argv = ("git", "-C", str(self.root), *words)
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, env=environment, timeout=TIMEOUT_S, check=False, errors="replace"
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MachineError("git cannot be asked", seen=str(error), where=str(self.root)) from error
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            raise MachineError("git fails", seen=said[0] if said else f"exit {done.returncode}", where=str(self.root))
        return done.stdout.strip()
