"""Run a command that the kernel kills when its parent dies.

`python -I -S exec_shim.py PARENT_PID JAIL WORKDIR COMMAND ARG…`.

A `preexec_fn` would do the same inside a process that already runs gRPC's threads, where code between
fork and exec may dead-lock. PR_SET_PDEATHSIG survives the exec of an ordinary program (prctl(2)); a change of the user
clears it, so it is asked for last. JAIL is `UID:GID:ROOT`, empty for none: the command runs as that user, in that root.
WORKDIR is the folder in that root where it starts, made when it is missing, as container runtimes do.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the parent dies; Linux only, elsewhere the watcher has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def enter(jail: str, workdir: str) -> None:
    """Enter the root of a jail and its folder, and become the user."""
    uid, gid, root = jail.split(":", 2)
    if root:
        os.chroot(root)
        os.chdir("/")
        os.makedirs(workdir, exist_ok=True)  # noqa: PTH103 - pathlib would make each start slower
        os.chdir(workdir)
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))


def main() -> None:
    """Ask for SIGKILL at the parent's death, then become the command."""
    parent, jail, workdir, command = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
    ctypes.CDLL(None)  # is not to be found in another root
    try:
        if jail:
            enter(jail, workdir)
    except OSError as error:
        sys.exit(f"user and root {jail}, working folder {workdir}: {error.strerror}")
    die_with_parent()
    if os.getppid() != parent:  # it died before the request
        sys.exit(1)
    try:
        os.execvp(command[0], command)  # noqa: S606 - becoming the command is the purpose
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
