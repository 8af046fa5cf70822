"""The line that host, test image and a plain `docker run` call: `python -m pipeline.suite --assets … --report …`."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.result import Outcome, RunReport, ScenarioResult
from pipeline.errors import EXIT_DEFECT, KmsE2EError
from pipeline.suite.collection import collect
from pipeline.suite.run import RunRequest, run_suite
from pipeline.suite.selection import Selection, parse_shard

UPSTREAM = "upstream"
"""The name of the suite of Kubernetes' own tests."""

_SIGNS = {Outcome.PASSED: "ok  ", Outcome.FAILED: "FAIL", Outcome.ERROR: "ERR ", Outcome.NOT_RUN: "-   "}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the suite and return the exit code: 0 passed, 1 a failure found, 2 wrong input, 3 a defect of ours."""
    options = _parser().parse_args(argv)
    try:
        return _execute_upstream(options) if options.suite == UPSTREAM else execute(_request(options))
    except KmsE2EError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except Exception:  # noqa: BLE001 - the last line of defence: whatever escapes is a defect of ours
        traceback.print_exc()
        return EXIT_DEFECT


def execute(request: RunRequest) -> int:
    """Run the suite, print a line for each scenario and a closing one, and return the exit code.

    Raises: KmsE2EError when input or machine are at fault.
    """
    run = run_suite(request, show)
    print(summary(run, request.report), flush=True)
    return run.exit_code


def _execute_upstream(options: argparse.Namespace) -> int:
    from pipeline.suite.upstream.ginkgo import TestSelection  # noqa: PLC0415 - the other suite does without
    from pipeline.suite.upstream.plan import UpstreamRequest  # noqa: PLC0415
    from pipeline.suite.upstream.run import run_upstream  # noqa: PLC0415

    request = UpstreamRequest(
        assets=options.assets,
        report=options.report,
        selection=TestSelection.of(options.focus, options.skip, options.label_filter),
        procs=options.parallel,
        verify_list=options.verify_list,
        run_id=options.run_id,
        plain=options.plain,
    )
    run = run_upstream(request, show, lambda line: print(line, flush=True))
    print(summary(run, options.report), flush=True)
    return run.exit_code


def components(selection: Selection, extra: Sequence[Path], kubernetes: str = "") -> tuple[str, ...]:
    """Return the programs of Kubernetes beside kube-apiserver that the selected scenarios run.

    Those of scenarios that do not apply to the version `kubernetes` (empty: they all do) are left out.

    Raises: InputError for a selection that cannot be used.
    """
    chosen = selection.choose([item.entry for item in collect(extra)])
    return tuple(sorted({name for entry in chosen if entry.applies_to(kubernetes) for name in entry.components}))


def show(result: ScenarioResult) -> None:
    """Print one line for a scenario that has ended, with its reason when it did not pass."""
    sign = "exp " if result.expected else _SIGNS[result.outcome]
    line = f"{sign} {result.id:<5} {result.title} ({result.duration_s:.1f} s)"
    reason = f"expected to fail: {result.expected}\n{result.reason}" if result.expected else result.reason
    reason = reason or result.known_issue
    print(line + "".join(f"\n       {part}" for part in reason.splitlines()), flush=True)


def summary(run: RunReport, report: Path) -> str:
    """Return the closing line and where the report is."""
    ended = {outcome: run.count(outcome) for outcome in Outcome}
    ended[Outcome.NOT_RUN] = sum(s.outcome is Outcome.NOT_RUN for s in run.scenarios if s.id in run.planned)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in ended.items())
    state = " (interrupted)" if run.interrupted else ""
    seconds = run.finished_at - run.started_at
    lines = [f"{counts} of {len(run.planned)} planned{state} in {seconds:.0f} s"]
    lines += [f"note: {note}" for note in run.notes]
    given = [scenario for scenario in run.scenarios if scenario.wrong_input]
    if given:
        ids = ", ".join(scenario.id for scenario in given)
        lines.append(f"error: what the run was given is at fault ({ids}): {given[0].reason}")
    return "\n".join([*lines, f"report: {report}/report.html"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m pipeline.suite", description="Run the KMS v2 conformance suite.")
    parser.add_argument("--assets", type=Path, required=True, help="folder with kube-apiserver, etcd and plugin.json")
    parser.add_argument("--report", type=Path, required=True, help="folder for the evidence")
    parser.add_argument("--id", nargs="+", default=[], metavar="ID", help="only these scenarios, such as A05")
    parser.add_argument("--family", nargs="+", default=[], help="only these families, such as A or wire")
    parser.add_argument(
        "--focus", help="only scenarios whose id or title, or tests whose name, matches this expression"
    )
    parser.add_argument("--skip", help="no scenario whose id or title, and no test whose name, matches this expression")
    parser.add_argument("--fast", action="store_true", help="only the tier of a minute, see `fast` of a scenario")
    parser.add_argument("--soak", action="store_true", help="take in scenarios that run for minutes on purpose")
    parser.add_argument("--parallel", type=int, default=0, help="number of busy workers (default: 2 a processor)")
    parser.add_argument("--shard", default="1/1", metavar="K/N", help="part K of N of the scenarios")
    parser.add_argument("--run-id", default="", help="name of this run (default: a random one)")
    parser.add_argument("--scenarios", nargs="+", type=Path, default=[], help="files with further scenarios")
    parser.add_argument("--suite", choices=("kms", UPSTREAM), default="kms", help="the scenarios, or Kubernetes' tests")
    parser.add_argument("--label-filter", default="", help="upstream: ginkgo's filter by labels")
    parser.add_argument("--verify-list", action="store_true", help="upstream: run the tests that need a node too")
    parser.add_argument("--plain", action="store_true", help="upstream: encrypt nothing, to compare with")
    return parser


def request_of(argv: Sequence[str] | None = None) -> RunRequest:
    """Return what the words of the command line ask for, by default those of this process.

    Raises: SystemExit with code 2 for words that it does not know; InputError for a value that cannot be used.
    """
    return _request(_parser().parse_args(argv))


def _request(options: argparse.Namespace) -> RunRequest:
    selection = Selection(
        ids=tuple(options.id),
        families=tuple(options.family),
        focus=options.focus or "",
        skip=options.skip or "",
        fast=options.fast,
        soak=options.soak,
        shard=parse_shard(options.shard),
    )
    return RunRequest(
        assets=options.assets,
        report=options.report,
        selection=selection,
        parallel=options.parallel,
        run_id=options.run_id,
        extra=tuple(options.scenarios),
    )


if __name__ == "__main__":
    sys.exit(main())
