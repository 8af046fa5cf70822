"""`--suite cost`: what encrypting every resource costs, against a control plane that differs in nothing else.

KEP-3299 promises that API users notice less than a fifth (section Scalability); here it is measured in pairs, one
sample of each plane in turn, so that a slow minute hits both.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from pipeline.core.comparison import GATE
from pipeline.core.result import NotRun, Outcome, Proof, RunReport, ScenarioResult
from pipeline.core.upstream import CostRow, UpstreamReport
from pipeline.errors import InputError, KmsE2EError
from pipeline.report.evidence import append_result, begin_report
from pipeline.suite.equipment import assert_control_plane, load_equipment
from pipeline.suite.report_folder import prepare
from pipeline.suite.run import write
from pipeline.suite.termination import terminable
from pipeline.suite.upstream import judge
from pipeline.suite.upstream.cost_rows import ROTATIONS, ROWS, measure
from pipeline.suite.upstream.plan import UpstreamRequest, kubernetes_of
from pipeline.suite.upstream.run import Say, Show, header
from pipeline.suite.upstream.tables import write_upstream


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


def without_rotations(rows: Collection[str]) -> frozenset[str]:
    """Return the rows that can be measured of a plugin that has no hook `rotate`.

    Raises: InputError when none is left.
    """
    left = frozenset(rows) - frozenset(ROTATIONS)
    if not left:
        raise InputError(
            "the selected rows need a rotation",
            seen="a plugin without the hook rotate",
            wanted="the hook, or other rows",
            where="kms-e2e.toml, hooks.rotate",
        )
    return left


def run_cost(request: UpstreamRequest, rows: Collection[str], show: Show, say: Say) -> RunReport:
    """Measure those of `ROWS` in pairs, write the report in every case, and return it.

    Rows of rotations are left out, with a note, when the plugin has no hook for one.

    Raises: InputError when the folder of binaries lacks something; ProcessError when a control plane dies; the rows
    that were measured until then are in the report.
    """
    assert_control_plane(request.assets)
    equipment = load_equipment(request.assets, request.report)
    note = ""
    if "rotate" not in equipment.plugin.hooks and not frozenset(ROTATIONS).isdisjoint(rows):
        rows, note = without_rotations(rows), "no rotation was measured: the plugin has no hook rotate"
    prepare(request.report, request.assets)
    begin_report(request.report, header(request, equipment.plugin.name, (judge.COST,)))
    evidence = CostEvidence(request.report, kubernetes_of(request.assets))
    try:
        with terminable():
            for row in measure(equipment, rows):
                say(f"{row.name}: {_place(row)}; plugin calls a sample: {row.calls_a_sample()}")
                evidence.add(row)
        show(evidence.conclude(judge_cost(evidence.rows)))
    except KeyboardInterrupt:
        pass  # the scenario is in the report as interrupted
    except KmsE2EError as error:
        show(evidence.conclude(judge.COST.blank(Outcome.ERROR, f"{error.what} after {len(evidence.rows)} rows")))
        write(request.report, equipment.plugin, exit_code=error.exit_code, note=str(error))
        raise
    return write(request.report, equipment.plugin, note=note)


@dataclasses.dataclass(slots=True)
class CostEvidence:
    """What a run has measured, written to its folder with each row, so that whatever ends the run loses none."""

    report: Path
    kubernetes: str
    rows: list[CostRow] = dataclasses.field(default_factory=list)

    def add(self, row: CostRow) -> None:
        """Write all rows so far. Raises: MachineError when the folder cannot be written."""
        self.rows.append(row)
        found = UpstreamReport(self.kubernetes, "", "", "", 0, 0.0, (), costs=tuple(self.rows))
        write_upstream(self.report, found)

    def conclude(self, result: ScenarioResult) -> ScenarioResult:
        """Write the scenario's result and return it."""
        append_result(self.report, result)
        return result


def judge_cost(rows: Sequence[CostRow]) -> ScenarioResult:
    """Judge U05: passed when the whole interval of each workload lies below the gate, failed when one lies above.

    It is not run when no workload was selected, and when an interval spans the gate, since then nothing is shown.
    """
    places = [(row.name, row.ratio().against(GATE)) for row in rows if row.gated]
    spanning = [name for name, place in places if place == "inconclusive"]
    proofs = tuple(_proof(row) for row in rows)
    if any(place == "above" for _, place in places):
        return judge.COST.judged(proofs)
    if spanning:
        reason = f"{NotRun.INCONCLUSIVE}: the interval spans the gate of {GATE:.2f}: {'; '.join(spanning)}"
    elif not places:
        reason = f"{NotRun.NOT_SELECTED}: none of the measured rows has a gate"
    else:
        return judge.COST.judged(proofs)
    return dataclasses.replace(judge.COST.blank(Outcome.NOT_RUN, reason), proofs=proofs)


def _proof(row: CostRow) -> Proof:
    holds = not row.gated or row.ratio().against(GATE) == "below"
    wanted = f"with KMS / without below {GATE:.2f}" if row.gated else "reported"
    return Proof(row.name, _place(row), wanted, holds)


def _place(row: CostRow) -> str:
    if row.gated:
        return f"{row.ratio()} {row.verdict()}"
    return f"{row.ratio()}, {row.difference().range()} s more"
