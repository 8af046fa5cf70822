"""Upstream's tests where the suite runs, such as the test image: `python -m pipeline.suite.upstream --assets … …`."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import EXIT_DEFECT, KmsE2EError
from pipeline.suite.__main__ import show, summary
from pipeline.suite.upstream.ginkgo import DEFAULT_FOCUS, DEFAULT_SKIP, TestSelection
from pipeline.suite.upstream.plan import UpstreamRequest
from pipeline.suite.upstream.run import run_upstream


def main(argv: Sequence[str] | None = None) -> int:
    """Run upstream's tests and return the exit code: 0 passed, 1 a failure, 2 wrong input, 3 a defect of ours."""
    options = _parser().parse_args(argv)
    try:
        run = run_upstream(_request(options), show, lambda line: print(line, flush=True))
    except KmsE2EError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except Exception:  # noqa: BLE001 - the last line of defence: whatever escapes is a defect of ours
        traceback.print_exc()
        return EXIT_DEFECT
    print(summary(run, options.report), flush=True)
    return run.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m pipeline.suite.upstream", description="Run Kubernetes' own tests, every resource encrypted."
    )
    parser.add_argument("--assets", type=Path, required=True, help="folder with all programs and plugin.json")
    parser.add_argument("--report", "--report-dir", type=Path, required=True, help="folder for the evidence")
    parser.add_argument("--focus", default=DEFAULT_FOCUS, help="only tests whose name matches this expression")
    parser.add_argument("--skip", default=DEFAULT_SKIP, help="no test whose name matches this expression")
    parser.add_argument("--label-filter", default="", help="ginkgo's filter by labels")
    parser.add_argument("--parallel", type=int, default=0, help="tests at a time (default: 12)")
    parser.add_argument("--report-prefix", default="", help="part of the name of upstream's JUnit file")
    parser.add_argument("--verify-list", action="store_true", help="run the tests that need a node too")
    parser.add_argument("--plain", action="store_true", help="encrypt nothing, to compare with")
    parser.add_argument("--run-id", default="", help="name of this run (default: a random one)")
    return parser


def _request(options: argparse.Namespace) -> UpstreamRequest:
    return UpstreamRequest(
        assets=options.assets,
        report=options.report,
        selection=TestSelection(options.focus, options.skip, options.label_filter),
        procs=options.parallel,
        report_prefix=options.report_prefix,
        verify_list=options.verify_list,
        run_id=options.run_id,
        plain=options.plain,
    )


if __name__ == "__main__":
    sys.exit(main())
