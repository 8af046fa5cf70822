from __future__ import annotations

from pipeline.core.result import Level, Subject
from pipeline.suite.scenario import Scenario, Twin
from pipeline.suite.scheduling import PLANE_BYTES, SleeperScheduling, available_bytes, in_order, schedule


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


def test_tests_of_one_group_stay_together_whatever_their_ids_look_like() -> None:
    scheduler = SleeperScheduling.__new__(SleeperScheduling)
    scheduler._groups = {"b/s.py::one": "p", "b/s.py::two": "p"}
    assert {scheduler._split_scope(name) for name in ("b/s.py::one", "b/s.py::two", "b/s.py::two@p")} == {"p"}
    assert scheduler._split_scope("other.py::test") == "other.py::test"
