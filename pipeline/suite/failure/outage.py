"""One long outage for several scenarios: faults of all sides at one moment, and what API users see from then on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.core.result import KmsCall
from pipeline.harness.api import Reply
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.proxy import Fault
from pipeline.suite.failure.sides import Side, Sides
from pipeline.suite.scenario import ProofRecorder
from pipeline.suite.support import CREATED, new_namespace

# kubernetes/apiserver encryptionconfig/config.go kmsv2PluginWriteDEKSourceMaxTTL
WRITE_LIFETIME_S: Final = 180.0
# How long after the end of the lifetime writes are looked at.
WATCHED_AFTER_S: Final = 12.0
_ROUND_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """A write and a read of an older object, at one moment (seconds since the epoch)."""

    at: float
    name: str
    write: Reply
    read: Reply


class Outage:
    """Faults since `since`, with a write and a read on every side each second while somebody advances it.

    /readyz is never asked: that would hasten kube-apiserver's own Status calls, which are the matter.
    """

    def __init__(self, plane: ControlPlane, sides: Sides) -> None:
        """Prepare; nothing fails before `begin`."""
        self.plane = plane
        self.sides = sides
        self.since = 0.0
        self.namespace = ""
        self.samples: dict[str, list[Sample]] = {name: [] for name in sides.sides}
        self.first: dict[str, str] = {}

    def begin(self, faults: Mapping[str, Fault], proof: ProofRecorder) -> None:
        """Write an object on each side, then let every side fail; once only.

        Raises: ScenarioFailed when a write before the outage fails.
        """
        if self.since:
            return
        self.namespace = new_namespace(self.plane, proof)
        for name, side in self.sides.sides.items():
            self.first[name], reply = side.create(self.plane, self.namespace)
            if reply.status != CREATED:
                proof.that(
                    f"write {side.resource} before the outage", observed=str(reply), wanted="HTTP 201", holds=False
                )
        for name, side in self.sides.sides.items():
            side.proxy.faults.set(faults[name])
        self.since = time.time()

    def side(self, name: str) -> Side:
        """Return a side."""
        return self.sides.sides[name]

    def advance(self, done: Callable[[], bool], *, until: float) -> None:
        """Write and read on all sides each second until `done`, at most until a time (seconds since the epoch).

        Raises: ProcessError when a process of the control plane dies.
        """
        while not done() and time.time() < until:
            begun = time.monotonic()
            for name in self.samples:
                self._sample(name)
            self.plane.assert_alive()
            time.sleep(max(0.0, _ROUND_S - (time.monotonic() - begun)))

    def calls(self, name: str, method: str) -> list[KmsCall]:
        """Return the calls of a method on a side since the outage began."""
        return [call for call in self.side(name).proxy.calls if call.method == method and call.at >= self.since]

    def failed_writes(self, name: str) -> list[Sample]:
        """Return the samples of a side whose write failed."""
        return [sample for sample in self.samples[name] if sample.write.status != CREATED]

    def failed_reads(self, name: str) -> list[Sample]:
        """Return the samples of a side whose read failed."""
        return [sample for sample in self.samples[name] if not sample.read.ok]

    def last_good_at(self, name: str) -> float:
        """Return when kube-apiserver had the last Status that no fault hit, by the record of the side's proxy.

        One that was under way when the outage began counts: it was answered as ever, and began the lifetime anew.
        """
        return max(
            call.at + call.duration_s
            for call in self.side(name).proxy.calls
            if call.method == "Status" and call.code == "OK" and not call.fault and call.at < self.since
        )

    def end_of_lifetime(self, name: str) -> float:
        """Return when writes of a side should end: 180 s after the last good Status before the outage."""
        return self.last_good_at(name) + WRITE_LIFETIME_S

    def _sample(self, name: str) -> None:
        side, at = self.side(name), time.time()
        created, write = side.create(self.plane, self.namespace)
        read = side.read(self.plane, self.namespace, self.first[name])
        self.samples[name].append(Sample(at, created, write, read))


class Outages:
    """The outages of one worker, one for each control plane; its proxies stop with it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._sides: dict[str, Sides] = {}
        self._outages: dict[str, Outage] = {}

    def sides(self, plane_name: str, make: Callable[[], Sides]) -> Sides:
        """Return the sides of a control plane's name, made once."""
        if plane_name not in self._sides:
            self._sides[plane_name] = make()
        return self._sides[plane_name]

    def of(self, plane: ControlPlane) -> Outage:
        """Return the outage of a running control plane."""
        found = self._outages.get(plane.name)
        if found is None or found.plane is not plane:  # a plane that lost a process was started anew
            found = self._outages[plane.name] = Outage(plane, self._sides[plane.name])
        return found

    def close(self) -> None:
        """Stop every proxy."""
        for sides in self._sides.values():
            sides.close()
