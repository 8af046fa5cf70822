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
    """How many workers there are, the groups that sleep, how many workers may sleep, and the group of each test.

    pytest-xdist 3.8 marks groups by a suffix to the test's id, which pytest 9.2 ignores; so `groups` says them.
    """

    workers: int
    sleepers: frozenset[str]
    sleeping_workers: int = 0
    groups: tuple[tuple[str, str], ...] = ()

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> LoadGroupScheduling:
        """Give pytest-xdist our scheduler."""
        return SleeperScheduling(config, log, self)


class SleeperScheduling(LoadGroupScheduling):
    """Scheduling by group in which some workers take sleeping groups and the others what keeps processors busy.

    Where memory allows fewer sleeping workers than there are sleeping groups, these follow each other on them: if every
    worker began with one, nobody would be left for the rest.
    """

    def __init__(self, config: pytest.Config, log: Producer, plan: Schedule) -> None:
        """Keep the plan; groups of each kind are given out in the order of the collection."""
        super().__init__(config, log)
        self._plan = plan
        self._groups = dict(plan.groups)

    def _split_scope(self, nodeid: str) -> str:
        return self._groups.get(nodeid.partition("@")[0]) or super()._split_scope(nodeid)

    def _reschedule(self, node: WorkerController) -> None:
        if self.workqueue and not node.shutting_down and self._next_for(node) is None:
            node.shutdown()  # it ends when what it has is done
            return
        super()._reschedule(node)

    def _assign_work_unit(self, node: WorkerController) -> None:
        group = self._next_for(node)
        if group is not None:
            self.workqueue.move_to_end(group, last=False)  # pytest-xdist takes the first
        super()._assign_work_unit(node)

    def _next_for(self, node: WorkerController) -> str | None:
        """Return the group that a worker should take next; None when the others should do what is left."""
        sleeping = next((group for group in self.workqueue if group in self._plan.sleepers), None)
        busy = next((group for group in self.workqueue if group not in self._plan.sleepers), None)
        others = [other for other in self.assigned_work if other is not node and not other.shutting_down]
        awake = [other for other in others if not self._sleeps(other)]
        if self._sleeps(node):
            return sleeping or (None if awake else busy)
        may_sleep = not self.assigned_work[node] and len(others) - len(awake) < self._plan.sleeping_workers
        return (sleeping or busy) if may_sleep else (busy or sleeping)

    def _sleeps(self, node: WorkerController) -> bool:
        return not self._plan.sleepers.isdisjoint(self.assigned_work[node])


def schedule(entries: Iterable[Scenario], parallel: int, *, memory_bytes: int | None = None) -> Schedule:
    """Plan the workers for scenarios that may run beside each other.

    `parallel` is the number of busy workers, 0 for two a processor, 1 for one worker in all. There are as many
    sleeping ones as `memory_bytes` (what is free now, by default) allows beside them, and 24 workers at most.
    """
    groups = _by_group(entries)
    sleepers = frozenset(name for name, members in groups.items() if any(entry.waits for entry in members))
    if parallel == 1:
        return Schedule(1, frozenset())
    # Scenarios mostly wait, so two workers a processor keep it busy.
    most = MOST_WORKERS - min(len(sleepers), MOST_WORKERS // 2)
    busy = min(parallel or _WORKERS_PER_PROCESSOR * (os.cpu_count() or 1), len(groups) - len(sleepers), most)
    room = (available_bytes() if memory_bytes is None else memory_bytes) // PLANE_BYTES
    sleeping = min(len(sleepers), max(1, room - busy), MOST_WORKERS - busy)
    return Schedule(max(1, busy + sleeping), sleepers, sleeping)


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
