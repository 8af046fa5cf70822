"""Run every mutant and write the table: `python -m tests.e2e.mutants --assets DIR [--sample N] [--output FILE]`.

First the healthy plugin, then one run for each round of mutants, all with the same scenarios. Exit code 1 when the
healthy plugin fails or a mutant survives.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.core.result import ScenarioResult
from pipeline.report.evidence import read_report
from pipeline.suite.collection import Collected, collect
from pipeline.suite.run import RunRequest, run_suite
from pipeline.suite.selection import Selection
from tests.e2e.mutants.catalogue import Mutant, mutants
from tests.e2e.mutants.plugin import ROUND
from tests.e2e.mutants.table import table, verdicts

# The suite's other scenarios may wait minutes for intervals compiled into kube-apiserver.
_PLUGIN: Final = "tests.e2e.mutants.plugin"


def main() -> int:
    """Run, print each result, and write the table."""
    options = _parser().parse_args()
    catalogue = [item for item in collect() if _wanted(item, options)]
    chosen = mutants(catalogue)
    if options.sample:
        chosen = random.Random(options.seed).sample(chosen, min(options.sample, len(chosen)))
    healthy = _healthy(options, sorted({mutant.scenario for mutant in chosen}))
    judged = verdicts(chosen, healthy, _rounds(options, chosen))
    text = table(judged, catalogue)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    print(text)
    return int(any(verdict.survived for verdict in judged))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.e2e.mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("--assets", type=Path, required=True, help="folder that `kms-e2e build` made")
    parser.add_argument("--report", type=Path, required=True, help="folder for one report a round")
    parser.add_argument("--healthy", type=Path, help="report of a run without a fault (default: run one)")
    parser.add_argument("--fast", action="store_true", help="leave out what waits for intervals of kube-apiserver")
    parser.add_argument("--soak", action="store_true", help="take in the mutants of the soak tier")
    parser.add_argument("--id", nargs="+", default=[], help="only the mutants of these scenarios")
    parser.add_argument("--sample", type=int, default=0, help="so many mutants at random (default: all)")
    parser.add_argument("--parallel", type=int, default=0, help="busy workers of a run; 0: two a processor")
    parser.add_argument("--seed", default="", help="seed of the sample (default: another each time)")
    parser.add_argument("--resume", action="store_true", help="take rounds whose report is there already as they are")
    parser.add_argument("--output", type=Path, help="file for the table in Markdown")
    return parser


def _wanted(item: Collected, options: argparse.Namespace) -> bool:
    entry = item.entry
    named = not options.id or entry.id in options.id
    return named and (entry.fast or not options.fast) and (options.soak or not entry.soak)


def _healthy(options: argparse.Namespace, ids: Sequence[str]) -> dict[str, ScenarioResult]:
    return _run(options, "healthy", ids, ()) if options.healthy is None else _results(options.healthy)


def _rounds(options: argparse.Namespace, chosen: Sequence[Mutant]) -> dict[str, ScenarioResult]:
    """Return the result of each mutant by its name."""
    found: dict[str, ScenarioResult] = {}
    for number in sorted({mutant.number for mutant in chosen}):
        members = [mutant for mutant in chosen if mutant.number == number]
        os.environ[ROUND] = str(number)
        results = _run(options, f"round-{number + 1}", [mutant.scenario for mutant in members], (_PLUGIN,))
        found |= {mutant.name: results[mutant.scenario] for mutant in members}
    return found


def _run(
    options: argparse.Namespace, name: str, ids: Sequence[str], plugins: tuple[str, ...]
) -> dict[str, ScenarioResult]:
    folder: Path = options.report / name
    if not (options.resume and (folder / "report.json").is_file()):
        selection = Selection(ids=tuple(ids))
        request = RunRequest(options.assets, folder, selection, parallel=options.parallel, pytest_plugins=plugins)
        run_suite(request, lambda result: print(f"{name}: {result.id} {result.outcome}", file=sys.stderr, flush=True))
    return _results(folder)


def _results(folder: Path) -> dict[str, ScenarioResult]:
    return {result.id: result for result in read_report(folder).scenarios}


if __name__ == "__main__":
    sys.exit(main())
