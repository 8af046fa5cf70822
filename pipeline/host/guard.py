"""Run a command that never outlives us: `python -I -S guard.py FOLDER COMMAND ARG…`.

The command leads a process group of its own. When standard input ends, however the process at its other end died,
the whole group is killed and FOLDER, the command's temporary files, removed. When this process is killed, the kernel
kills the command (PR_SET_PDEATHSIG, prctl(2)). The exit code is the command's, 128 + signal when it was killed.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1
EXIT_NOT_STARTED = 127
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Start the command and wait for it, or for the end of standard input."""
    folder, command = sys.argv[1], sys.argv[2:]
    for ignored in SIGNALS:
        signal.signal(ignored, signal.SIG_IGN)
    try:
        child = _start(command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return EXIT_NOT_STARTED
    ending = threading.Event()
    killer = threading.Thread(target=_kill_at_end_of_input, args=(child.pid, folder, ending), daemon=True)
    killer.start()
    code = child.wait()
    if ending.is_set():
        killer.join()
    return code if code >= 0 else 128 - code


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    """Start the command in a process group of its own; no thread runs yet, so preexec_fn is safe."""
    own = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def prepare() -> None:
        for restored in SIGNALS:
            signal.signal(restored, signal.SIG_DFL)
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != own:  # it died before the request
            os._exit(EXIT_NOT_STARTED)

    return subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=prepare, process_group=0)  # noqa: PLW1509


def _kill_at_end_of_input(group: int, folder: str, ending: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    ending.set()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(128 + signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
