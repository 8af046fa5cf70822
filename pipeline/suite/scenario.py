"""The `@scenario` decorator, the proof recorder and the failure a scenario ends with.

A scenario is a pytest function with a stable id. What the decorator is given is the catalogue: lists,
documentation and the report are collected from it. Scenarios of other projects use the same decorator.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import pytest

from pipeline.core.kubernetes import minor_of
from pipeline.core.result import SCENARIO_ID, Latency, Level, Proof, Subject
from pipeline.errors import InputError

DEFAULT_DEADLINE_S: Final = 60.0
_ID: Final = re.compile(SCENARIO_ID)

Function = TypeVar("Function", bound=Callable[..., None])


class ScenarioFailed(AssertionError):
    """The scenario's own proof does not hold: what was looked at, seen and wanted."""


@dataclass(frozen=True, slots=True)
class Twin:
    """The deliberately broken run with which a scenario must fail.

    `breaks` says what is broken, in the words of the catalogue; `reason` is a regular expression that the
    failure's reason must match, so that a twin killed by something else does not count.
    """

    breaks: str
    reason: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """One entry of the catalogue.

    `plane` names the control plane it shares with others; empty: it takes none or makes its own.
    `hooks` are what only the plugin's author can do, `components` the programs of Kubernetes beside
    kube-apiserver that it runs; without them it is *not run*. `deadline_s` is the
    limit for the whole scenario in seconds (60 by default). `fast`: it belongs to the tier of a minute, since it
    waits for no interval compiled into kube-apiserver but the 20 s for which a look at /readyz/kms-providers
    believes the last good Status, and does not start kube-apiserver again and again (two seconds of a processor
    each). `waits`: it spends its time on such an interval, so it starts first and runs beside what keeps the
    processors busy. `alone`: it measures time or uses all processors, so nothing runs beside it.
    `how` is filled in from the function's docstring.
    `since` is the first Kubernetes line on which it applies, such as `1.37`; empty: all supported ones.
    """

    id: str
    title: str
    level: Level
    source: str
    subject: Subject
    twin: Twin
    plane: str = ""
    hooks: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    deadline_s: float = DEFAULT_DEADLINE_S
    fast: bool = True
    waits: bool = False
    alone: bool = False
    soak: bool = False
    how: str = ""
    since: str = ""

    def applies_to(self, version: str) -> bool:
        """Tell whether it applies to a Kubernetes version such as `v1.36.3`; to an unknown one it does."""
        found, first = minor_of(version), minor_of(self.since)
        return found is None or first is None or found >= first

    @property
    def family(self) -> str:
        """Return the family's letter."""
        return self.id[0]

    @property
    def in_fast_tier(self) -> bool:
        """Tell whether it is `fast` and runs nothing beside etcd and kube-apiserver."""
        return self.fast and not self.components

    @property
    def group(self) -> str:
        """Return what must run on one worker, in order: the plane it shares, else the scenario itself."""
        return self.plane or self.id


def scenario(entry: Scenario) -> Callable[[Function], Function]:
    """Enter a pytest function into the catalogue.

    The function's docstring says how the scenario is proved.

    Raises: InputError for an id outside the grammar (one capital letter for the family, two or three digits, a small
    letter or none) and for a MUST without a source.
    """
    if not _ID.fullmatch(entry.id):
        raise InputError(
            "not a scenario id",
            seen=entry.id,
            wanted="one capital letter for the family and two or three digits, such as A05 or X001b",
        )
    if entry.level is Level.MUST and not entry.source:
        raise InputError("a MUST names the text it comes from", seen=entry.id, wanted="source=...")

    def mark(function: Function) -> Function:
        for decorator in (
            pytest.mark.scenario(dataclasses.replace(entry, how=inspect.getdoc(function) or "")),
            pytest.mark.xdist_group(entry.group),
            pytest.mark.timeout(entry.deadline_s),
        ):
            function = decorator(function)
        return function

    return mark


@dataclass(slots=True)
class ProofRecorder:
    """Collects what a scenario was decided by; it goes into the report whether the scenario passes or fails."""

    proofs: list[Proof] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    plane: str = ""
    known_issue: str = ""

    def that(self, name: str, *, observed: object, wanted: object, holds: bool | None = None) -> None:
        """Record a fact and fail the scenario when it does not hold.

        Without `holds`, the fact holds when `observed == wanted`.

        Raises: ScenarioFailed with what was seen and wanted.
        """
        proof = Proof(name, _text(observed), _text(wanted), observed == wanted if holds is None else holds)
        self.proofs.append(proof)
        if not proof.holds:
            msg = f"{name}: saw {proof.observed}, wanted {proof.wanted}"
            raise ScenarioFailed(msg)

    def latency(self, method: str, samples_s: Sequence[float]) -> None:
        """Record the latencies of a KMS method, in seconds."""
        self.latencies.append(Latency(method, tuple(samples_s)))


def _text(value: object) -> str:
    return value if isinstance(value, str) else repr(value)
