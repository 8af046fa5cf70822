"""Run mutants and write the table: `python -m tests.e2e.mutants --assets DIR --report DIR [--output FILE]`.

First the healthy plugin, then one run for each round of mutants, all with the same scenarios. Exit code 1 when the
healthy plugin fails, a mutant survives, one has no verdict (other than for want of equipment, such as another
architecture), or a MUST of those chosen has fewer than two killed ones, unless it is a sample. Exit code 2 when reports
are of different binaries. The whole catalogue can be run in pieces: `--resume --family A B`, then
`--resume --family C`, and `--table-only` makes one table of all that is in `--report`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.errors import KmsE2EError
from pipeline.report.evidence import read_report
from pipeline.suite.collection import Collected, collect
from pipeline.suite.run import RunRequest, run_suite
from pipeline.suite.selection import Selection
from tests.e2e.mutants.catalogue import Mutant, mutants
from tests.e2e.mutants.plugin import MUTANTS
from tests.e2e.mutants.results import Results, forget, next_folder, note, read_all
from tests.e2e.mutants.rounds import rounds, sample
from tests.e2e.mutants.table import problems, table, verdicts

_PLUGIN: Final = "tests.e2e.mutants.plugin"


def main() -> int:
    """Run, print each result, and write the table."""
    parser = _parser()
    options = parser.parse_args()
    catalogue = [item for item in collect() if _wanted(item, options)]
    chosen = mutants(catalogue)
    if not chosen or set(options.id) - {mutant.scenario for mutant in chosen}:
        parser.error(
            "not all of these scenarios are there, in the tier that was asked for: kms-e2e scenarios lists them"
        )
    if options.sample:
        chosen = sample(chosen, options.sample, options.seed)
    if not (options.resume or options.table_only):
        forget(options.report)
    results = read_all(options.report)
    if options.healthy is not None:
        results.add(read_report(options.healthy), ())
    if not options.table_only:
        _run_missing(options, chosen, results)
    judged = verdicts(chosen, results.healthy, results.mutants)
    text = table(judged, catalogue, results.reports)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    print(text)
    failures = problems(judged, catalogue, sampled=bool(options.sample))
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return int(bool(failures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.e2e.mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("--assets", type=Path, required=True, help="folder that `kms-e2e build` made")
    parser.add_argument("--report", type=Path, required=True, help="folder for one report a round")
    parser.add_argument("--healthy", type=Path, help="report of a run without a fault (default: run one)")
    parser.add_argument("--fast", action="store_true", help="leave out what waits for intervals of kube-apiserver")
    parser.add_argument("--soak", action="store_true", help="take in the mutants of the soak tier")
    parser.add_argument("--id", nargs="+", default=[], help="only the mutants of these scenarios")
    parser.add_argument("--family", nargs="+", default=[], help="only those of these families, such as A B")
    parser.add_argument("--sample", type=int, default=0, help="so many mutants at random (default: all)")
    parser.add_argument("--seed", default="", help="seed of the sample (default: another each time)")
    parser.add_argument("--parallel", type=int, default=0, help="busy workers of a run; 0: two a processor")
    parser.add_argument("--resume", action="store_true", help="run what has no result in --report yet")
    parser.add_argument("--table-only", action="store_true", help="run nothing: make the table of what is in --report")
    parser.add_argument("--output", type=Path, help="file for the table in Markdown")
    return parser


def _wanted(item: Collected, options: argparse.Namespace) -> bool:
    entry = item.entry
    named = (not options.id or entry.id in options.id) and (not options.family or entry.family in options.family)
    return named and (entry.in_fast_tier or not options.fast) and (options.soak or not entry.soak)


def _run_missing(options: argparse.Namespace, chosen: Sequence[Mutant], results: Results) -> None:
    """Run the healthy plugin and the mutants, as far as there are no results."""
    scenarios = sorted({mutant.scenario for mutant in chosen} - set(results.healthy))
    if scenarios:
        _run(options, "healthy", scenarios, [], results)
    for members in rounds([mutant for mutant in chosen if mutant.name not in results.mutants]):
        _run(options, "round", [mutant.scenario for mutant in members], [mutant.name for mutant in members], results)


def _run(options: argparse.Namespace, kind: str, ids: Sequence[str], names: Sequence[str], results: Results) -> None:
    folder = next_folder(options.report, kind)
    os.environ[MUTANTS] = " ".join(names)
    plugins = (_PLUGIN,) if names else ()
    request = RunRequest(
        options.assets, folder, Selection(ids=tuple(ids)), parallel=options.parallel, pytest_plugins=plugins
    )
    note(folder, names)
    report = run_suite(
        request, lambda result: print(f"{folder.name}: {result.id} {result.outcome}", file=sys.stderr, flush=True)
    )
    if report.interrupted:
        raise KeyboardInterrupt
    results.add(report, names)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KmsE2EError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit("interrupted: what has ended is kept, --resume runs the rest")
