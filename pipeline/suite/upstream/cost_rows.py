"""The rows of `--suite cost`: a workload of users, a rotation, a start and a cold read, each with a slower plugin too.

KMS v2 asks the plugin for each seed and not for each object, so a slow plugin should not show in the workload. It can
show where seeds are made and unwrapped: in rotations, starts and cold reads.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from typing import Final

from pipeline.core.upstream import CostRow
from pipeline.errors import ProcessError
from pipeline.harness.control_plane import Configure, ControlPlane, ControlPlaneOptions, Equipment
from pipeline.harness.kube_apiserver import ApiServerOptions
from pipeline.harness.proxy.faults import Delay, Fault, RateLimit
from pipeline.suite.lifecycle.workload import Measured, Workload, run_workload
from pipeline.suite.upstream.cluster import encrypt_everything, encrypt_nothing
from pipeline.suite.upstream.cost_restarts import SEEDS, STORED, cold_starts, fill
from pipeline.suite.upstream.cost_rotation import rotations
from pipeline.suite.upstream.cost_samples import NAMESPACE, Sample, Sides, in_turn, sample_of, succeeded

# A sample of 60 objects, about 0.5 s, left every interval as wide as the gate.
_WORKLOAD: Final = Workload(objects=400)
# What stands between kube-apiserver and the plugin. A remote KMS limits what uses a key, which Status does not.
_FAULTS: Final[Mapping[str, tuple[Fault, ...]]] = {
    "plugin as it is": (),
    "10 ms more a call": (Delay(delay_s=0.01),),
    "100 ms more a call": (Delay(delay_s=0.1),),
    "5 Encrypts and Decrypts a second": (RateLimit(methods=("Encrypt", "Decrypt"), per_s=5.0, burst=1),),
}
_LOAD: Final = "REST workload"
_ROTATION: Final = "rotation and first write"
_START: Final = "kube-apiserver's start"
_COLD: Final = f"cold read of {STORED} ConfigMaps, {SEEDS} seeds"
_FSYNC: Final = f"{_LOAD}, etcd with fsync"
# A watch cache would have unwrapped the seeds by the time of the cold read, and serves lists without a resourceVersion
# too (apiserver storage/cacher).
_NO_WATCH_CACHE: Final = ("--watch-cache-sizes=configmaps#0",)


def _named(work: str, fault: str) -> str:
    return f"{work}, {fault}"


ROTATIONS: Final = tuple(_named(_ROTATION, fault) for fault in _FAULTS)
"""The rows that need the author's hook `rotate`."""
ROWS: Final = (*itertools.starmap(_named, itertools.product((_LOAD, _ROTATION, _START, _COLD), _FAULTS)), _FSYNC)
"""What can be measured."""


def measure(equipment: Equipment, rows: Collection[str]) -> Iterator[CostRow]:
    """Start both control planes and measure those of `ROWS`, each as soon as it is asked for.

    Raises: ProcessError when a control plane dies, refuses a request, or a sample is not what its row says.
    """
    if any(name != _FSYNC for name in rows):
        with ExitStack() as stack:
            yield from _rows(_sides(stack, equipment, fsync=False), rows)
    if _FSYNC in rows:
        with ExitStack() as stack:
            yield _workload_row(_FSYNC, _sides(stack, equipment, fsync=True))


def _sides(stack: ExitStack, equipment: Equipment, *, fsync: bool) -> Sides:
    def plane(name: str, configure: Configure) -> ControlPlane:
        server = ApiServerOptions(flags=_NO_WATCH_CACHE)
        options = ControlPlaneOptions(configure=configure, fsync=fsync, api_server=server)
        return stack.enter_context(ControlPlane(f"{name}{'-fsync' * fsync}", equipment, options))

    sides = Sides(plane("plain", encrypt_nothing), plane("kms", encrypt_everything))
    for each in sides.each():
        succeeded(each.api.create_namespace(NAMESPACE))
    return sides


def _rows(sides: Sides, rows: Collection[str]) -> Iterator[CostRow]:
    for fault, faults in _FAULTS.items():
        if (name := _named(_LOAD, fault)) in rows:
            sides.kms.proxy.faults.set(*faults)
            yield _workload_row(name, sides)
    for fault, faults in _FAULTS.items():
        if (name := _named(_ROTATION, fault)) in rows:
            yield rotations(sides, faults).row(name)
    sides.kms.proxy.faults.clear()
    yield from _restart_rows(sides, rows)


def _restart_rows(sides: Sides, rows: Collection[str]) -> Iterator[CostRow]:
    names = {fault: (_named(_START, fault), _named(_COLD, fault)) for fault in _FAULTS}
    wanted = [fault for fault, both in names.items() if any(name in rows for name in both)]
    if wanted:
        fill(sides)
    for fault in wanted:
        sides.kms.proxy.faults.set(*_FAULTS[fault])
        for name, taken in zip(names[fault], cold_starts(sides), strict=True):
            if name in rows:
                yield taken.row(name)


def _workload_row(name: str, sides: Sides) -> CostRow:
    """Measure the workload; a request that fails ends it, since its time would say nothing.

    Raises: ProcessError naming the answer.
    """
    measured = Measured()

    def work(plane: ControlPlane) -> tuple[Sample]:
        return (sample_of(plane, lambda: run_workload(plane.api, NAMESPACE, _WORKLOAD, measured)),)

    (taken,) = in_turn(sides, work)
    if measured.failed:
        raise ProcessError(
            "requests of the workload failed", seen="; ".join(measured.failures), wanted="success", where=name
        )
    return taken.row(name, gated=True)
