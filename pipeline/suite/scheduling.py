"""Which worker runs what, and when: sleeping control planes beside each other, busy ones in turn.

A scenario that waits for an interval compiled into kube-apiserver needs a control plane and hardly any processor.
It gets a worker of its own that takes nothing else, so that many sleep at once and nothing waits behind them. The
longest wait begins first.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from xdist.scheduler import LoadGroupScheduling

from pipeline.suite.scenario import Scenario

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

# Measured on 1.37.2: kube-apiserver 270 MiB after its start, etcd 60 MiB, plugin 30 MiB, worker 110 MiB.
PLANE_BYTES: Final = 700 * 2**20
MOST_WORKERS: Final = 24
_WORKERS_PER_PROCESSOR: Final = 2
_MEMINFO: Final = Path("/proc/meminfo")
_UNKNOWN_MEMORY_BYTES: Final = 4 * 2**30


@dataclass(frozen=True, slots=True)
class Schedule:
    """How many workers there are, the groups that sleep, each on a worker of its own, and the group of each test.

    pytest-xdist 3.8 marks groups by a suffix to the test's id, which pytest 9.2 ignores; so `groups` says them.
    """

    workers: int
    sleepers: frozenset[str]
    groups: tuple[tuple[str, str], ...] = ()

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> LoadGroupScheduling:
        """Give pytest-xdist our scheduler."""
        return SleeperScheduling(config, log, self.sleepers, dict(self.groups))


class SleeperScheduling(LoadGroupScheduling):
    """Scheduling by group in which a worker that took a sleeping group takes nothing but sleeping groups."""

    def __init__(
        self, config: pytest.Config, log: Producer, sleepers: frozenset[str], groups: Mapping[str, str]
    ) -> None:
        """Keep the group of each test and those that sleep; the latter must come first in the collection."""
        super().__init__(config, log)
        self._sleepers = sleepers
        self._groups = groups

    def _split_scope(self, nodeid: str) -> str:
        return self._groups.get(nodeid.partition("@")[0]) or super()._split_scope(nodeid)

    def _reschedule(self, node: WorkerController) -> None:
        upcoming = next(iter(self.workqueue), None)
        sleeps = bool(self._sleepers & set(self.assigned_work[node]))
        if sleeps and upcoming not in self._sleepers and not node.shutting_down:
            node.shutdown()  # it ends when what it has is done
            return
        super()._reschedule(node)


def schedule(entries: Iterable[Scenario], parallel: int, *, memory_bytes: int | None = None) -> Schedule:
    """Plan the workers for scenarios that may run beside each other.

    `parallel` is the number of busy workers, 0 for two a processor, 1 for one worker in all. There are as many
    sleeping ones as `memory_bytes` (what is free now, by default) allows beside them.
    """
    groups = _by_group(entries)
    sleepers = frozenset(name for name, members in groups.items() if any(entry.waits for entry in members))
    if parallel == 1:
        return Schedule(1, frozenset())
    # Scenarios mostly wait, so two workers a processor keep it busy.
    busy = min(parallel or _WORKERS_PER_PROCESSOR * (os.cpu_count() or 1), len(groups) - len(sleepers))
    room = (available_bytes() if memory_bytes is None else memory_bytes) // PLANE_BYTES
    sleeping = min(len(sleepers), max(1, room - busy))
    return Schedule(max(1, min(MOST_WORKERS, busy + sleeping)), sleepers)


def in_order(entries: Iterable[Scenario], sleepers: frozenset[str]) -> list[Scenario]:
    """Return scenarios in the order in which they begin: sleeping groups, then the others, each by their deadlines.

    The scenarios of a group stay in the order of the catalogue.
    """
    groups = _by_group(entries)
    limits_s = {name: sum(entry.deadline_s for entry in members) for name, members in groups.items()}
    names = sorted(groups, key=lambda name: (name not in sleepers, -limits_s[name]))
    return [entry for name in names for entry in groups[name]]


def _by_group(entries: Iterable[Scenario]) -> Mapping[str, Sequence[Scenario]]:
    groups: dict[str, list[Scenario]] = defaultdict(list)
    for entry in entries:
        groups[entry.group].append(entry)
    return groups


def available_bytes() -> int:
    """Return the memory that new processes can have, in bytes; 4 GiB where the system does not say (not Linux)."""
    if not _MEMINFO.is_file():
        return _UNKNOWN_MEMORY_BYTES
    lines = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024
