"""Control plane ready: this harness beside controller-runtime's envtest, with the same two binaries and gate."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.statistics import Row, pair_ratios, spread
from pipeline.core.build_plan import PluginSource
from pipeline.harness.control_plane import ControlPlane
from pipeline.host.build import BuildRequest, build_assets
from pipeline.suite.equipment import load_equipment

ENVTEST: Final = Path(__file__).parent / "envtest"
_LIMIT_S: Final = 120
_GO: Final = Path(__file__).parents[1] / ".go-version"


@dataclass(frozen=True, slots=True)
class Pair:
    """One start of each, one after the other. Seconds; `stop` is how long stopping took."""

    ours_s: float
    ours_stop_s: float
    envtest_s: float
    envtest_stop_s: float


def build_envtest() -> Path:
    """Build the small program that starts envtest, with the Go of this project, and return it."""
    request = BuildRequest(
        source=ENVTEST, plugin=PluginSource(), kubernetes=None, go_version=_GO.read_text(encoding="ascii").strip()
    )
    return build_assets(request).folder / "kms-plugin"


def control_plane_rows(assets: Path, pairs: int) -> list[Row]:
    """Measure `pairs` pairs, the order within a pair changing each time, after one unmeasured pair."""
    program = build_envtest()
    _pair(assets, program, first=True)  # fills the page cache
    measured = [_pair(assets, program, first=number % 2 == 0) for number in range(pairs)]
    ours, theirs = [pair.ours_s for pair in measured], [pair.envtest_s for pair in measured]
    ratios = pair_ratios(ours, theirs)
    ratio = spread(ratios)
    stops = spread([pair.ours_stop_s for pair in measured]), spread([pair.envtest_stop_s for pair in measured])
    return [
        Row(
            "control plane ready, this harness",
            spread(ours).seconds(),
            "etcd, plugin, fault proxy, kube-apiserver; `/readyz` = 200, which includes kms-providers",
            tuple(ours),
        ),
        Row(
            "control plane ready, envtest",
            spread(theirs).seconds(),
            "the same etcd and kube-apiserver, no plugin; `Start`, then `/readyz` = 200",
            tuple(theirs),
        ),
        Row(
            "ratio of each pair, this harness / envtest",
            f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})",
            "pairs one after the other, the order changing",
            ratios,
        ),
        Row(
            "stop, this harness / envtest",
            f"{stops[0].median:.2f} s / {stops[1].median:.2f} s",
            "median of the same runs",
            tuple(pair.ours_stop_s for pair in measured),
        ),
    ]


def _pair(assets: Path, program: Path, *, first: bool) -> Pair:
    if first:
        ours, theirs = _ours(assets), _envtest(assets, program)
    else:
        theirs, ours = _envtest(assets, program), _ours(assets)
    return Pair(*ours, *theirs)


def _ours(assets: Path) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        equipment = load_equipment(assets, Path(folder))
        began = time.monotonic()
        with ControlPlane("bench", equipment):
            ready_s = time.monotonic() - began
            stopping = time.monotonic()
        return ready_s, time.monotonic() - stopping


def _envtest(assets: Path, program: Path) -> tuple[float, float]:
    done = subprocess.run([program, assets.resolve()], capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    if done.returncode != 0:
        msg = f"envtest failed with exit code {done.returncode}: {done.stderr.strip()}"
        raise RuntimeError(msg)
    measured = json.loads(done.stdout)
    return float(measured["ready_s"]), float(measured["stop_s"])
