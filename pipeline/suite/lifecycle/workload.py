"""A fixed REST workload on Secrets, so that control planes that differ in one thing can be compared.

`run_workload` does the same requests each time; `compare_planes` runs it on two control planes in turn.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from pipeline.core.comparison import Pairs, interleave
from pipeline.harness.api import ApiClient, Reply, secret_path

VALUE_BYTES: Final = 1024
_WRITERS: Final = 4
_FAILURES_KEPT: Final = 5


@dataclass(frozen=True, slots=True)
class Workload:
    """How much is done in one sample: each object is created, read, updated and deleted; lists stand between.

    `objects` Secrets of `VALUE_BYTES` by `writers` threads; one LIST after every `objects_a_list` objects.
    """

    objects: int = 120
    writers: int = _WRITERS
    objects_a_list: int = 20


@dataclass(slots=True)
class Measured:
    """What the requests of one or more samples took, in seconds by verb, and answers that were no success."""

    latencies_s: dict[str, list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    failed: int = 0

    def timed(self, verb: str, request: Callable[[], Reply]) -> Reply:
        """Send a request and note its time under `verb`."""
        began = time.perf_counter()
        reply = request()
        self.latencies_s.setdefault(verb, []).append(time.perf_counter() - began)
        if not reply.ok:
            self.failed += 1
            self.failures = [*self.failures, f"{verb}: {reply}"[:200]][:_FAILURES_KEPT]
        return reply

    def add(self, other: Measured) -> None:
        """Take in what another sample measured."""
        for verb, samples in other.latencies_s.items():
            self.latencies_s.setdefault(verb, []).extend(samples)
        self.failed += other.failed
        self.failures = [*self.failures, *other.failures][:_FAILURES_KEPT]

    @property
    def requests(self) -> int:
        """Return how many requests were sent."""
        return sum(map(len, self.latencies_s.values()))


def run_workload(api: ApiClient, namespace: str, workload: Workload, into: Measured) -> float:
    """Do the workload once in an existing namespace and return how long all of it took, in seconds.

    Every Secret is deleted again, so that one sample finds what the one before found.
    """
    parts = [range(first, workload.objects, workload.writers) for first in range(workload.writers)]
    began = time.perf_counter()
    with ThreadPoolExecutor(workload.writers) as pool:
        measured = list(pool.map(lambda numbers: _write(api, namespace, numbers, workload), parts))
    took_s = time.perf_counter() - began
    for part in measured:
        into.add(part)
    return took_s


def _write(api: ApiClient, namespace: str, numbers: Sequence[int], workload: Workload) -> Measured:
    measured = Measured()
    collection = f"/api/v1/namespaces/{namespace}/secrets"
    for number in numbers:
        name = f"load-{number:05}"
        path = secret_path(namespace, name)
        value = {"value": os.urandom(VALUE_BYTES)}
        measured.timed("create", lambda name=name, value=value: api.create_secret(namespace, name, value))  # type: ignore[misc]
        read = measured.timed("get", lambda path=path: api.get(path))  # type: ignore[misc]
        if read.ok:
            changed = {**read.body, "metadata": {**read.metadata, "labels": {"round": "2"}}}
            measured.timed("update", lambda path=path, body=changed: api.update(path, body))  # type: ignore[misc]
        if number % workload.objects_a_list == 0:
            measured.timed("list", lambda: api.get(collection))
        measured.timed("delete", lambda path=path: api.delete(path))  # type: ignore[misc]
    return measured


def compare_planes(
    base: tuple[ApiClient, str], other: tuple[ApiClient, str], workload: Workload, pairs: int
) -> tuple[Pairs, Measured, Measured]:
    """Run the workload on two API servers in turn, `pairs` times each, and return the times and all latencies.

    Each side is a client and a namespace that exists there.
    """
    of_base, of_other = Measured(), Measured()
    taken = interleave(
        lambda: run_workload(*base, workload, of_base), lambda: run_workload(*other, workload, of_other), pairs
    )
    return taken, of_base, of_other
