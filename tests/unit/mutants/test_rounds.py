from __future__ import annotations

from collections import Counter

import pytest

from tests.e2e.mutants.catalogue import Mutant
from tests.e2e.mutants.rounds import rounds, sample
from tests.e2e.twins.breaks import Sabotage

EVERY = [
    Mutant(name, number, "b", "r", Sabotage())
    for name, count in (("A02", 3), ("B19", 1), ("C31", 2))
    for number in range(count)
]


def names(mutants: list[Mutant]) -> list[str]:
    return [mutant.name for mutant in mutants]


def test_a_round_has_one_mutant_of_each_scenario() -> None:
    assert [names(members) for members in rounds(EVERY)] == [["A02-1", "B19-1", "C31-1"], ["A02-2", "C31-2"], ["A02-3"]]


def test_what_is_left_of_two_scenarios_is_one_round() -> None:
    left = [mutant for mutant in EVERY if mutant.name in ("A02-3", "C31-2")]
    assert [names(members) for members in rounds(left)] == [["A02-3", "C31-2"]]


@pytest.mark.parametrize("seed", ["1", "2", ""])
def test_a_sample_takes_as_many_scenarios_as_there_are(seed: str) -> None:
    picked = sample(EVERY, 3, seed)
    assert Counter(mutant.scenario for mutant in picked) == {"A02": 1, "B19": 1, "C31": 1}
    assert len(sample(EVERY, 5, seed)) == 5
    assert names(sample(EVERY, 100, seed)) == names(EVERY)


def test_a_seed_names_a_sample() -> None:
    assert names(sample(EVERY, 2, "7")) == names(sample(EVERY, 2, "7"))
    assert len({tuple(names(sample(EVERY, 2, str(seed)))) for seed in range(50)}) > 5
