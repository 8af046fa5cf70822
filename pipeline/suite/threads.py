"""Calls from several threads at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Value = TypeVar("Value")


def at_once(calls: Sequence[Callable[[], Value]], threads: int = 50) -> list[Value]:
    """Make calls from several threads, in their order, and return their results in order.

    Raises: what the first failing call raises.
    """
    pool = ThreadPoolExecutor(max_workers=threads)
    try:
        return list(pool.map(lambda call: call(), calls))
    finally:
        pool.shutdown(cancel_futures=True)  # after a failure the rest is not worth waiting for
