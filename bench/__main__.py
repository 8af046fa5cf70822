"""Measure and print one table: `python -m bench [--assets DIR] [--row NAME …]`; see docs/performance.md."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench import control_plane, costs
from bench.audit_tree import audit_rows
from bench.dagger import dagger_rows
from bench.statistics import Row, markdown
from pipeline.host.build import BuildRequest, build_assets

USUAL = ("start", "report", "audit", "build", "control-plane", "run", "whole")


def main() -> None:
    """Measure the rows asked for, print them, and write them as JSON."""
    parser = argparse.ArgumentParser("python -m bench", description="Measure kms-e2e on this machine.")
    parser.add_argument("--assets", type=Path, help="folder that `kms-e2e build` made (default: built when needed)")
    parser.add_argument(
        "--row", nargs="+", choices=(*USUAL, "cold", "dagger"), default=USUAL, help="default: all but cold and dagger"
    )
    parser.add_argument(
        "--pairs", type=int, default=10, help="starts of each control plane; runs on host and in Dagger"
    )
    parser.add_argument("--output", type=Path, default=Path("_artifacts/bench.json"), help="file for the numbers")
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    rows: list[Row] = []
    for name in options.row:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        rows += _measure(name, options.assets, options.pairs)
        _write(options.output, rows, load_before)  # after each, so that an interruption loses one
    print(markdown(rows))
    print(f"\n{os.cpu_count()} processors, load {load_before:.1f} before; numbers: {options.output}")


def _write(path: Path, rows: list[Row], load_before: float) -> None:
    document = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": os.cpu_count(),
        "load_before": load_before,
        "python": platform.python_version(),
        "rows": [asdict(row) for row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _measure(name: str, assets: Path | None, pairs: int) -> list[Row]:
    alone = {"build": costs.build_rows, "report": costs.report_rows, "audit": audit_rows, "cold": costs.cold_rows}
    if name in alone:
        return alone[name]()
    if name == "dagger":
        return dagger_rows(pairs)
    folder = assets or build_assets(BuildRequest()).folder
    if name == "control-plane":
        return control_plane.control_plane_rows(folder, pairs)
    if name == "run":
        return costs.run_rows(folder, "--fast")
    return costs.run_rows(folder) if name == "whole" else costs.start_rows(folder)


if __name__ == "__main__":
    main()
