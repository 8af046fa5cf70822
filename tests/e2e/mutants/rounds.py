"""What runs together: a round has one mutant of each scenario at most, and is one run of the suite."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Sequence

from tests.e2e.mutants.catalogue import Mutant


def rounds(chosen: Sequence[Mutant]) -> list[list[Mutant]]:
    """Return the rounds: the first mutant of each scenario, then the second ones, and so on."""
    of_scenarios = _by_scenario(chosen).values()
    return [[mutant for mutant in row if mutant is not None] for row in itertools.zip_longest(*of_scenarios)]


def sample(every: Sequence[Mutant], count: int, seed: str) -> list[Mutant]:
    """Return mutants at random, each of another scenario as far as there are enough, so that few rounds are needed.

    `seed` names the sample; an empty one gives another each time.
    """
    dice = random.Random(seed or None)
    shuffled = [dice.sample(members, len(members)) for members in _by_scenario(every).values()]
    dice.shuffle(shuffled)
    by_turns = [mutant for mutant in itertools.chain(*itertools.zip_longest(*shuffled)) if mutant is not None]
    picked = {mutant.name for mutant in by_turns[:count]}
    return [mutant for mutant in every if mutant.name in picked]


def _by_scenario(every: Sequence[Mutant]) -> dict[str, list[Mutant]]:
    members = defaultdict(list)
    for mutant in every:
        members[mutant.scenario].append(mutant)
    return members
