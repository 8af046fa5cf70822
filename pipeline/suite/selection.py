"""Which scenarios of the catalogue a run takes."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.core.result import FAMILIES
from pipeline.errors import InputError
from pipeline.suite.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` of `count` parts, counted from 1."""

    number: int
    count: int


@dataclass(frozen=True, slots=True)
class Selection:
    """The filters of a run; all given ones must hold.

    `focus` and `skip` are regular expressions on "id title". `fast` leaves out what waits for an interval that is
    compiled into kube-apiserver, what starts kube-apiserver again and again or fills a store, and what runs a program
    beside etcd and kube-apiserver, which would have to be built;
    `soak` takes in what runs for minutes on purpose. An id that is named is taken whatever its tier.
    """

    ids: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    focus: str = ""
    skip: str = ""
    fast: bool = False
    soak: bool = False
    shard: Shard = Shard(1, 1)

    @property
    def shown(self) -> str:
        """Return the options that make this selection."""
        words = [f"--id {name}" for name in self.ids] + [f"--family {name}" for name in self.families]
        words += [f"--{name} {text!r}" for name, text in (("focus", self.focus), ("skip", self.skip)) if text]
        words += [f"--{name}" for name, given in (("fast", self.fast), ("soak", self.soak)) if given]
        words += [f"--shard {self.shard.number}/{self.shard.count}"] if self.shard.count > 1 else []
        return " ".join(words) or "a catalogue without scenarios"

    def choose(self, catalogue: Sequence[Scenario]) -> list[Scenario]:
        """Return the chosen scenarios in the catalogue's order.

        Raises: InputError for an unknown id or family, a bad expression, or when nothing is chosen.
        """
        self._assert_known(catalogue)
        chosen = [entry for entry in catalogue if self._takes(entry) and _in_shard(entry, self.shard)]
        if not chosen:
            raise InputError(
                "no scenario is selected",
                seen=self.shown,
                wanted="at least one of the catalogue's scenarios",
                next_step="list them with `kms-e2e scenarios`",
            )
        return chosen

    def _takes(self, entry: Scenario) -> bool:
        words = f"{entry.id} {entry.title}"
        tier = entry.id in self.ids or ((entry.in_fast_tier or not self.fast) and (self.soak or not entry.soak))
        named = not self.ids or entry.id in self.ids
        family = not self.families or entry.family in _letters(self.families)
        focused = not self.focus or re.search(self.focus, words) is not None
        return tier and named and family and focused and not (self.skip and re.search(self.skip, words))

    def _assert_known(self, catalogue: Sequence[Scenario]) -> None:
        known = {entry.id: entry.title for entry in catalogue}
        for wanted in self.ids:
            if wanted not in known:
                close = difflib.get_close_matches(wanted.upper(), known, n=3, cutoff=0.3)
                raise InputError(
                    "no scenario has this id",
                    seen=wanted,
                    wanted="; ".join(f"{name} ({known[name]})" for name in close) or "an id of the catalogue",
                    next_step="list them with `kms-e2e scenarios`",
                )
        _letters(self.families)
        for expression in (self.focus, self.skip):
            try:
                re.compile(expression)
            except re.error as error:
                raise InputError("not a regular expression", seen=f"{expression!r}: {error}") from error


def parse_shard(text: str) -> Shard:
    """Read `K/N`, part K of N.

    Raises: InputError when it is not two numbers with 1 <= K <= N.
    """
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
    shard = Shard(int(match[1]), int(match[2])) if match else Shard(0, 0)
    if not 1 <= shard.number <= shard.count:
        raise InputError("not a shard", seen=text, wanted="K/N with 1 <= K <= N, such as 2/4", where="--shard")
    return shard


def _letters(families: Sequence[str]) -> set[str]:
    letters = set()
    by_name = {name: letter for letter, name in FAMILIES.items()}
    for family in families:
        letter = by_name.get(family.lower(), family.upper())
        if letter not in FAMILIES:
            wanted = ", ".join(f"{letter} ({name})" for letter, name in FAMILIES.items())
            raise InputError("no such family", seen=family, wanted=wanted, where="--family")
        letters.add(letter)
    return letters


def _in_shard(entry: Scenario, shard: Shard) -> bool:
    # By group, so that a shared control plane is started in one shard only; by digest, so that a new scenario
    # moves no other one to another shard.
    digest = hashlib.sha256(entry.group.encode()).digest()
    return int.from_bytes(digest[:8], "big") % shard.count == shard.number - 1
