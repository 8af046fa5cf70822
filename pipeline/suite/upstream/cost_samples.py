"""Samples of the same work on two control planes in turn: how long each took, and how often it asked the plugin."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.comparison import interleave
from pipeline.core.upstream import CostRow, PluginCalls
from pipeline.errors import ProcessError
from pipeline.harness.api import Reply
from pipeline.harness.control_plane import ControlPlane

PAIRS: Final = 10
NAMESPACE: Final = "cost"
VALUE: Final = {"value": bytes(1024)}


@dataclass(frozen=True, slots=True)
class Sides:
    """The two control planes that are compared."""

    plain: ControlPlane
    kms: ControlPlane

    def each(self) -> tuple[ControlPlane, ControlPlane]:
        """Return both."""
        return self.plain, self.kms


@dataclass(frozen=True, slots=True)
class Sample:
    """How long one piece of work took, in seconds, and the calls of the plugin meanwhile."""

    took_s: float
    calls: PluginCalls


@dataclass(frozen=True, slots=True)
class Taken:
    """The samples of both sides, pair by pair."""

    plain: tuple[Sample, ...]
    kms: tuple[Sample, ...]

    def row(self, name: str, *, gated: bool = False) -> CostRow:
        """Return them as a row of the report."""
        return CostRow(
            name,
            tuple(sample.took_s for sample in self.plain),
            tuple(sample.took_s for sample in self.kms),
            gated,
            tuple(sample.calls for sample in self.kms),
        )


def sample_of(plane: ControlPlane, work: Callable[[], object]) -> Sample:
    """Do the work, and return its time and the calls that passed the plane's proxy since it began."""
    since, began = time.time(), time.perf_counter()
    work()
    took_s = time.perf_counter() - began
    return Sample(took_s, calls_since(plane, since))


def calls_since(plane: ControlPlane, since: float) -> PluginCalls:
    """Count the Encrypts and Decrypts that began after a moment (seconds since the epoch)."""
    calls = [call for call in plane.proxy.calls if call.at >= since and call.method in ("Encrypt", "Decrypt")]
    encrypts = sum(call.method == "Encrypt" for call in calls)
    return PluginCalls(encrypts, len(calls) - encrypts, sum(call.code != "OK" for call in calls))


def in_turn(sides: Sides, work: Callable[[ControlPlane], Sequence[Sample]]) -> tuple[Taken, ...]:
    """Do the work `PAIRS` times on each side in turn, and return what it measured, in the order of its samples."""
    found: dict[str, list[Sequence[Sample]]] = {plane.name: [] for plane in sides.each()}

    def once(plane: ControlPlane) -> float:
        found[plane.name].append(work(plane))
        return found[plane.name][-1][0].took_s

    interleave(lambda: once(sides.plain), lambda: once(sides.kms), PAIRS)
    # The first pair, in which caches are cold, is left out here as it is there.
    plain, kms = (tuple(zip(*found[plane.name][1:], strict=True)) for plane in sides.each())
    return tuple(Taken(*both) for both in zip(plain, kms, strict=True))


def succeeded(reply: Reply) -> Reply:
    """Return the answer of a request that must succeed.

    Raises: ProcessError with the answer.
    """
    if not reply.ok:
        raise ProcessError("kube-apiserver refused a request of the measurement", seen=str(reply), wanted="success")
    return reply
