"""Clean up after a supervisor that was killed: `python -I -S watcher.py`, told by lines on its standard input.

`group PGID` and `folder PATH` are remembered, `forget PGID` takes a group back. At the end of the input, however
the supervisor died, what is still remembered is killed and removed; `done` first says there is nothing to do.
"""

import os
import shutil
import signal
import sys


def follow(groups: set[int], folders: list[str]) -> None:
    """Remember what the supervisor says until it is done or dead."""
    for line in sys.stdin:
        word, _, value = line.rstrip("\n").partition(" ")
        if word == "done":
            groups.clear()
            folders.clear()
            return
        if word == "group":
            groups.add(int(value))
        elif word == "forget":
            groups.discard(int(value))
        elif word == "folder":
            folders.append(value)


def main() -> None:
    """Follow the supervisor and outlive it."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: set[int] = set()
    folders: list[str] = []
    follow(groups, folders)
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
