"""Draw the soak tier's samples: `python -m bench.soak REPORT [--output docs/soak]`.

REPORT is the folder of a run with `--soak`; each `logs/<plane>/resources.csv` of it becomes four charts.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

from pipeline.report.chart import line_chart

_CHARTS: Final = {
    "rss_bytes": ("memory", "resident memory, MiB", 2**20),
    "threads": ("threads", "threads", 1),
    "descriptors": ("descriptors", "open descriptors", 1),
    "sockets": ("sockets", "open sockets", 1),
}
_MINUTE_S: Final = 60


def charts(source: Path) -> dict[str, str]:
    """Return the SVG of each chart of one file of samples, by the chart's name."""
    with source.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    drawn = {}
    for column, (name, title, unit) in _CHARTS.items():
        lines: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for row in rows:
            lines[row["process"]].append((float(row["seconds"]) / _MINUTE_S, float(row[column]) / unit))
        drawn[name] = line_chart(title, lines, x_label="minutes")
    return drawn


def main() -> None:
    """Draw every file of samples below a report."""
    parser = argparse.ArgumentParser("python -m bench.soak", description="Draw what the soak tier sampled.")
    parser.add_argument("report", type=Path, help="folder of a run with --soak")
    parser.add_argument("--output", type=Path, help="folder for the charts (default: charts/ in the report)")
    options = parser.parse_args()
    sources = sorted(options.report.glob("logs/*/resources.csv"))
    if not sources:
        sys.exit(f"no logs/*/resources.csv below {options.report}: was it a run with --soak?")
    folder: Path = options.output or options.report / "charts"
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        for name, svg in charts(source).items():
            path = folder / f"{source.parent.name}-{name}.svg"
            path.write_text(svg, encoding="utf-8")
            print(path)


if __name__ == "__main__":
    main()
