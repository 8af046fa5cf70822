"""One event loop in a thread of its own, shared by all proxies of this process.

grpc.aio polls for the whole process; a loop for each proxy would make them wake each other up.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Final, TypeVar

Value = TypeVar("Value")
_TIMEOUT_S: Final = 20.0


class LoopThread:
    """An event loop that runs until the process ends."""

    def __init__(self) -> None:
        """Start the thread."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[object, object, Value]) -> Value:
        """Run a coroutine in the loop and return what it returns; called from any other thread.

        Raises: what the coroutine raises; TimeoutError after 20 s.
        """
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_TIMEOUT_S)


@cache
def shared_loop() -> LoopThread:
    """Return this process's loop, started at the first call."""
    return LoopThread()
