from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace

import pytest
from xdist.remote import Producer

from pipeline.core.result import Level, Subject
from pipeline.suite.scenario import Scenario, Twin
from pipeline.suite.scheduling import (
    MOST_WORKERS,
    PLANE_BYTES,
    Schedule,
    SleeperScheduling,
    available_bytes,
    in_order,
    schedule,
)


def entry(name: str, *, plane: str = "", waits: bool = False, deadline_s: float = 60) -> Scenario:
    twin = Twin(breaks="it", reason="it")
    return Scenario(
        id=name,
        title="t",
        level=Level.INFO,
        source="",
        subject=Subject.PLUGIN,
        twin=twin,
        plane=plane,
        waits=waits,
        deadline_s=deadline_s,
    )


BUSY = [entry(f"A{number:02}") for number in range(10)]
SLEEPING = [entry(f"D{number:02}", waits=True) for number in range(6)]


def test_a_group_with_one_sleeping_scenario_sleeps() -> None:
    plan = schedule([entry("D41", plane="p"), entry("D42", plane="p", waits=True), entry("A01")], 2)
    assert plan.sleepers == {"p"}


def test_the_longest_sleep_begins_first_and_groups_stay_together() -> None:
    entries = [
        entry("A01"),
        entry("B18", plane="p", waits=True),
        entry("B19", plane="p"),
        entry("C31", deadline_s=90),
        entry("D42", waits=True, deadline_s=300),
        entry("E50", plane="p"),
    ]
    ordered = in_order(entries, schedule(entries, 2).sleepers)
    assert [found.id for found in ordered] == ["D42", "B18", "B19", "E50", "C31", "A01"]


def test_each_sleeping_group_has_a_worker_beside_the_busy_ones() -> None:
    plan = schedule([*BUSY, *SLEEPING], 3, memory_bytes=100 * PLANE_BYTES)
    assert plan.workers == 3 + 6


def test_memory_bounds_the_sleeping_ones() -> None:
    assert schedule([*BUSY, *SLEEPING], 3, memory_bytes=5 * PLANE_BYTES).workers == 3 + 2
    assert schedule([*BUSY, *SLEEPING], 3, memory_bytes=0).workers == 3 + 1


def test_there_are_no_more_workers_than_groups() -> None:
    assert schedule(BUSY[:2], 8, memory_bytes=100 * PLANE_BYTES).workers == 2
    assert schedule(SLEEPING[:1], 8, memory_bytes=100 * PLANE_BYTES).workers == 1


def test_one_means_one() -> None:
    assert schedule([*BUSY, *SLEEPING], 1).workers == 1


def test_the_free_memory_is_known() -> None:
    assert available_bytes() > 0


class Worker:
    """What the scheduler sees of a worker of pytest-xdist, which runs a test when it knows whether one follows."""

    def __init__(self) -> None:
        self.shutting_down = False
        self.sent: list[int] = []
        self.done = 0
        self.gateway = SimpleNamespace(id="gw")

    def send_runtest_some(self, indices: Iterable[int]) -> None:
        self.sent += indices

    def shutdown(self) -> None:
        self.shutting_down = True

    @property
    def can_run(self) -> bool:
        return len(self.sent) - self.done >= (1 if self.shutting_down else 2)


def distributed(plan: Schedule, groups: Mapping[str, str]) -> list[list[str]]:
    """Return what each worker has run when all have come to their end, driven as pytest-xdist drives a scheduler."""
    option = SimpleNamespace(loadscopereorder=False)
    config = SimpleNamespace(option=option, getvalue=lambda _: ["popen"] * plan.workers)
    scheduler = SleeperScheduling(config, Producer("none", enabled=False), plan)  # type: ignore[arg-type] # all that it asks of a config
    workers, names = [Worker() for _ in range(plan.workers)], list(groups)
    for worker in workers:
        scheduler.add_node(worker)  # type: ignore[arg-type]
    for worker in workers:
        scheduler.add_node_collection(worker, names)  # type: ignore[arg-type]
    scheduler.schedule()
    while ready := [worker for worker in workers if worker.can_run]:
        for worker in ready:
            worker.done += 1
            scheduler.mark_test_complete(worker, worker.sent[worker.done - 1])  # type: ignore[arg-type]
    return [[names[index] for index in worker.sent[: worker.done]] for worker in workers]


@pytest.mark.parametrize("free_planes", range(1, 14))
@pytest.mark.parametrize("parallel", [2, 3, 4, 9])
def test_everything_is_run_however_little_memory_there_is(free_planes: int, parallel: int) -> None:
    entries = [*SLEEPING, *BUSY, *(entry(f"B{number}", plane="p") for number in range(20, 25))]
    plan = schedule(entries, parallel, memory_bytes=free_planes * PLANE_BYTES)
    groups = {found.id: found.group for found in in_order(entries, plan.sleepers)}
    plan = Schedule(plan.workers, plan.sleepers, plan.sleeping_workers, tuple(groups.items()))
    run = distributed(plan, groups)
    assert sorted(name for names in run for name in names) == sorted(groups)
    assert sum(any(name.startswith("D") for name in names) for names in run) >= plan.sleeping_workers


def test_nothing_busy_waits_behind_a_sleeping_group() -> None:
    entries = [*SLEEPING, *BUSY]
    for free_planes in range(4, 12):
        plan = schedule(entries, 3, memory_bytes=free_planes * PLANE_BYTES)
        for names in distributed(plan, {found.id: found.id for found in entries}):
            assert names == sorted(names)  # A before D


def test_many_processors_leave_room_for_sleeping_workers() -> None:
    plan = schedule([*(entry(f"A{number:02}") for number in range(60)), *SLEEPING], 48, memory_bytes=2**40)
    assert plan.workers == MOST_WORKERS
    assert plan.sleeping_workers == len(SLEEPING)


def test_tests_of_one_group_stay_together_whatever_their_ids_look_like() -> None:
    scheduler = SleeperScheduling.__new__(SleeperScheduling)
    scheduler._groups = {"b/s.py::one": "p", "b/s.py::two": "p"}
    assert {scheduler._split_scope(name) for name in ("b/s.py::one", "b/s.py::two", "b/s.py::two@p")} == {"p"}
    assert scheduler._split_scope("other.py::test") == "other.py::test"
