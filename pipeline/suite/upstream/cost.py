"""`--suite cost`: what encrypting every resource costs, against a control plane that differs in nothing else.

KEP-3299 promises that API users notice less than a fifth (section Scalability); here it is measured in pairs, one
sample of each plane in turn, so that a slow minute hits both.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from pipeline.core.comparison import GATE, Pairs, interleave
from pipeline.core.result import Proof, RunReport, ScenarioResult
from pipeline.core.upstream import CostRow, UpstreamReport
from pipeline.errors import InputError, KmsE2EError, ProcessError
from pipeline.harness.api import ApiClient, Reply
from pipeline.harness.control_plane import Configure, ControlPlane, ControlPlaneOptions, Equipment
from pipeline.harness.proxy.faults import Delay, Fault, RateLimit
from pipeline.report.evidence import append_result, begin_report
from pipeline.suite.equipment import assert_control_plane, load_equipment
from pipeline.suite.lifecycle.workload import Measured, Workload, run_workload
from pipeline.suite.report_folder import prepare
from pipeline.suite.run import write
from pipeline.suite.support import await_fresh_status
from pipeline.suite.termination import terminable
from pipeline.suite.upstream import judge
from pipeline.suite.upstream.cluster import encrypt_everything, encrypt_nothing
from pipeline.suite.upstream.plan import UpstreamRequest, kubernetes_of
from pipeline.suite.upstream.run import Say, Show, header
from pipeline.suite.upstream.tables import write_upstream

PAIRS: Final = 10
_NAMESPACE: Final = "cost"
_WORKLOAD: Final = Workload(objects=60)
_STORED: Final = 500
_VALUE: Final = {"value": bytes(1024)}
# What stands between kube-apiserver and the plugin in the rows of the workload.
_FAULTS: Final[Mapping[str, tuple[Fault, ...]]] = {
    "REST workload, plugin as it is": (),
    "REST workload, 10 ms more a call": (Delay(delay_s=0.01),),
    "REST workload, 100 ms more a call": (Delay(delay_s=0.1),),
    "REST workload, 5 calls a second at most": (RateLimit(per_s=5.0, burst=1),),
}
_ROTATION: Final = "first write after a rotation"
_START: Final = "kube-apiserver's start"
_COLD: Final = f"cold read of {_STORED} Secrets"
_FSYNC: Final = "REST workload, etcd with fsync"
ROWS: Final = (*_FAULTS, _ROTATION, _START, _COLD, _FSYNC)
"""What can be measured, in this order."""


@dataclass(frozen=True, slots=True)
class _Sides:
    """The two control planes that are compared."""

    plain: ControlPlane
    kms: ControlPlane

    def each(self) -> tuple[ControlPlane, ControlPlane]:
        return self.plain, self.kms


def choose_rows(focus: str) -> frozenset[str]:
    """Return the rows whose name matches a regular expression.

    Raises: InputError when it is none, or matches none.
    """
    try:
        found = frozenset(name for name in ROWS if re.search(focus, name))
    except re.error as error:
        raise InputError("not a regular expression", seen=f"{focus!r}: {error}", where="--focus") from error
    if not found:
        raise InputError("no row of costs matches", seen=repr(focus), wanted="; ".join(ROWS), where="--focus")
    return found


def run_cost(request: UpstreamRequest, rows: Collection[str], show: Show, say: Say) -> RunReport:
    """Measure those of `ROWS` in pairs, write the report in every case, and return it.

    Raises: InputError when the folder of binaries lacks something; ProcessError when a control plane dies.
    """
    assert_control_plane(request.assets)
    equipment = load_equipment(request.assets, request.report)
    prepare(request.report, request.assets)
    begin_report(request.report, header(request, equipment.plugin.name, (judge.COST,)))
    measured: list[CostRow] = []
    try:
        with terminable():
            for row in _measure(equipment, rows):
                say(f"{row.name}: {row.ratio()} {row.verdict()}")
                measured.append(row)
        result = judge_cost(measured)
        append_result(request.report, result)
        show(result)
    except KeyboardInterrupt:
        pass  # the scenario is in the report as interrupted
    except KmsE2EError as error:
        write(request.report, exit_code=error.exit_code, note=str(error))
        raise
    found = UpstreamReport(kubernetes_of(request.assets), "", "", "", 0, 0.0, (), costs=tuple(measured))
    write_upstream(request.report, found)
    return write(request.report)


def _measure(equipment: Equipment, rows: Collection[str]) -> Iterator[CostRow]:
    for fsync in (False, True):
        if not any((name == _FSYNC) is fsync for name in rows):
            continue
        with ExitStack() as stack:
            sides = _Sides(
                *(
                    stack.enter_context(ControlPlane(name, equipment, _options(configure, fsync=fsync)))
                    for name, configure in (
                        (f"plain{'-fsync' * fsync}", encrypt_nothing),
                        (f"kms{'-fsync' * fsync}", encrypt_everything),
                    )
                )
            )
            for plane in sides.each():
                _succeeded(plane.api.create_namespace(_NAMESPACE))
            if fsync:
                yield _workload_row(_FSYNC, sides)
            else:
                yield from _rows(sides, rows)


def _options(configure: Configure, *, fsync: bool) -> ControlPlaneOptions:
    return ControlPlaneOptions(configure=configure, fsync=fsync)


def _rows(sides: _Sides, rows: Collection[str]) -> Iterator[CostRow]:
    for name, faults in _FAULTS.items():
        if name in rows:
            sides.kms.proxy.faults.set(*faults)
            yield _workload_row(name, sides)
    sides.kms.proxy.faults.clear()
    if _ROTATION in rows:
        taken = interleave(lambda: _write(sides.plain), lambda: _write_after_rotation(sides.kms), PAIRS)
        yield _row(_ROTATION, taken, gated=False)
    if _START in rows or _COLD in rows:
        for plane in sides.each():
            _fill(plane.api)
        yield from (row for row in _restart_rows(sides) if row.name in rows)


def _workload_row(name: str, sides: _Sides) -> CostRow:
    """Measure the workload; a request that fails ends it, since its time would say nothing.

    Raises: ProcessError naming the answer.
    """
    measured = Measured()
    plain, kms = sides.each()
    taken = interleave(
        lambda: run_workload(plain.api, _NAMESPACE, _WORKLOAD, measured),
        lambda: run_workload(kms.api, _NAMESPACE, _WORKLOAD, measured),
        PAIRS,
    )
    if measured.failed:
        raise ProcessError(
            "requests of the workload failed", seen="; ".join(measured.failures), wanted="success", where=name
        )
    return _row(name, taken, gated=True)


def _restart_rows(sides: _Sides) -> tuple[CostRow, CostRow]:
    """Restart kube-apiserver and list all Secrets at once: nothing is cached, neither objects nor DEK seeds."""
    reads: dict[str, list[float]] = {plane.name: [] for plane in sides.each()}

    def restart(plane: ControlPlane) -> float:
        took_s = _timed(plane.restart_api_server)
        reads[plane.name].append(_timed(lambda: _succeeded(plane.api.get(f"{_secrets()}?limit={2 * _STORED}"))))
        return took_s

    starts = interleave(lambda: restart(sides.plain), lambda: restart(sides.kms), PAIRS)
    cold = Pairs(*(tuple(reads[plane.name][1:]) for plane in sides.each()))  # the first pair is left out there too
    return (
        _row(_START, starts, gated=False),
        _row(_COLD, cold, gated=False),
    )


def _write(plane: ControlPlane) -> float:
    name = f"write-{time.monotonic_ns()}"
    return _timed(lambda: _succeeded(plane.api.create_secret(_NAMESPACE, name, _VALUE)))


def _write_after_rotation(plane: ControlPlane) -> float:
    plane.plugin.hook("rotate")
    await_fresh_status(plane)
    return _write(plane)


def _fill(api: ApiClient) -> None:
    with ThreadPoolExecutor(4) as pool:
        for reply in pool.map(lambda number: api.create_secret(_NAMESPACE, f"stored-{number}", _VALUE), range(_STORED)):
            _succeeded(reply)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _succeeded(reply: Reply) -> None:
    if not reply.ok:
        raise ProcessError("kube-apiserver refused a request of the measurement", seen=str(reply), wanted="success")


def _secrets() -> str:
    return f"/api/v1/namespaces/{_NAMESPACE}/secrets"


def _row(name: str, taken: Pairs, *, gated: bool) -> CostRow:
    return CostRow(name, taken.base, taken.other, gated)


def judge_cost(rows: list[CostRow]) -> ScenarioResult:
    """Judge U05: no whole interval of the workload lies above the gate; one that spans it is inconclusive."""
    return judge.COST.judged(
        [
            Proof(
                f"{row.name}: with KMS / without",
                f"{row.ratio()} {row.verdict()}",
                f"not above {GATE:.2f}" if row.gated else "reported",
                holds=not row.gated or row.ratio().against(GATE) != "above",
            )
            for row in rows
        ]
    )
