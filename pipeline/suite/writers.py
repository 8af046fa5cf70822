"""Writers that create Secrets in the background of a scenario."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from pipeline.harness.api import Reply
from pipeline.harness.control_plane import ControlPlane
from pipeline.suite.support import CREATED, Secret


class Writers:
    """Threads that create one Secret after another until the end of the `with`.

    `written` are those that kube-apiserver took, in the order of its answers, `failures` its other answers. Each
    thread pauses `pause_s` seconds before a write.
    """

    def __init__(self, plane: ControlPlane, namespace: str, threads: int, pause_s: float = 0.0) -> None:
        """Prepare; they begin with the `with`."""
        self._plane, self._namespace, self._pause_s = plane, namespace, pause_s
        self._threads = threads
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(threads)
        self._running: list[Future[None]] = []
        self.written: list[Secret] = []
        self.failures: list[Reply] = []

    def __enter__(self) -> Self:
        """Begin to write."""
        self._running = [self._pool.submit(self._write, number) for number in range(self._threads)]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop, wait for the last answers, and raise what a thread has raised."""
        self._stop.set()
        self._pool.shutdown()
        for thread in self._running if error is None else ():
            thread.result()

    def _write(self, writer: int) -> None:
        number = 0
        while not self._stop.wait(self._pause_s):
            number += 1
            name = f"w{writer}-{number}"
            secret = Secret(self._namespace, name, f"value of {name}".encode())
            reply = self._plane.api.create_secret(self._namespace, name, {"value": secret.value})
            if reply.status == CREATED:
                self.written.append(secret)
            else:
                self.failures.append(reply)
