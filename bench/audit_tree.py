"""What `kms-e2e audit` costs on a generated tree with the mixture of files that a large Go repository has."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.processes import Watched, watch
from bench.statistics import Row, spread

FILES: Final = 30_000
SMALL: Final = 3_000
_REPEATS: Final = 3
_MIB: Final = 1 << 20
_GO: Final = "package a\n\n// B says what c is.\nfunc B(c string) string {\n\treturn c + `go1.25.3`\n}\n\n"
_STEPS: Final = (
    "      - uses: actions/checkout@v6\n      - run: |\n          make {0}\n          ./hack/verify-{0}.sh\n"
)
_MANIFEST: Final = (
    "  - name: web-{0}\n    image: registry.example.com/web:{0}\n    env: [{{name: LEVEL, value: '{0}'}}]\n"
)
_SUM: Final = "example.com/module-{0}/v2 v2.{0}.1 h1:q0wlyLvlRsKgBpWPeTKNAHTJTtYkTgsoJPMtAUXzgpQ=\n"


def audit_rows() -> list[Row]:
    """Measure the audit of 30,000 files, and of a tenth of them, to show that memory does not grow with the tree."""
    large, small = _measured(FILES), _measured(SMALL)
    times = tuple(seen.seconds for seen in large)
    document = json.loads(large[0].output)
    how = (
        f"{FILES:,} files, {document['files']:,} of them parsed ({document['mentions']:,} mentions); a process of its"
        " own, with the start of Python; the generated tree of `bench/audit_tree.py`, in the file cache"
    )
    peaks = f"{_peak_mib(large):.0f} MiB; on {SMALL:,} files {_peak_mib(small):.0f} MiB"
    return [
        Row("`kms-e2e audit` of a large tree", spread(times).seconds(), how, times),
        Row("its peak memory", peaks, "largest resident size, sampled four times a second"),
    ]


def _measured(files: int) -> list[Watched]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        make_tree(Path(name), files)
        return [_audited(name) for _ in range(_REPEATS)]


def _audited(root: str) -> Watched:
    seen = watch([sys.executable, "-c", "from pipeline.cli import main; main()", "audit", root, "--format", "json"])
    if seen.exit_code != 1:  # drift was found, which is what the tree holds
        msg = f"the audit ended with exit code {seen.exit_code}:\n{seen.output[-2000:]}"
        raise RuntimeError(msg)
    return seen


def _peak_mib(runs: list[Watched]) -> float:
    return max(seen.peak_bytes for seen in runs) / _MIB


def make_tree(root: Path, files: int) -> None:
    """Write `files` files in folders of 100: of each 70 are never opened, 12 opened and passed over, 18 parsed."""
    (root / ".go-version").write_text("1.26.10\n", encoding="utf-8")
    for number in range(files - 1):
        folder = root / f"d{number // 100:04}"
        if number % 100 == 0:
            (folder / ".github" / "workflows").mkdir(parents=True)
        name, text = _KINDS[number % 100]
        (folder / name.format(number % 100)).write_text(text, encoding="utf-8")


def _kinds() -> Iterator[tuple[str, str]]:
    """Yield the path, with its number left open, and the text of each file of a hundred."""
    for _ in range(62):
        yield "{}.go", _GO * 70
    for _ in range(8):
        yield "{}.md", "Go 1.25.3 is mentioned in prose.\n" * 100
    for _ in range(12):
        yield "{}.yaml", "kind: Deployment\ncontainers:\n" + "".join(_MANIFEST.format(n) for n in range(30))
    workflow = (
        "jobs:\n  test:\n    steps:\n      - uses: actions/setup-go@v6\n        with: {go-version-file: .go-version}\n"
    )
    for _ in range(4):
        yield ".github/workflows/{}.yml", workflow + "".join(_STEPS.format(n) for n in range(40))
    for _ in range(6):
        yield "{}.sh", "#!/bin/sh\nset -e\n" + "".join(f"go test ./pkg/p{n}/...  # part {n}\n" for n in range(80))
    for _ in range(2):
        yield "{}.mk", "GO ?= go\n" + "".join(f"part-{n}:\n\t$(GO) build -o bin/{n} ./cmd/{n}\n" for n in range(40))
    for _ in range(3):
        yield (
            "{}.Dockerfile",
            "ARG GO=1.26.9\nFROM golang:${GO} AS build\nRUN go build ./...\nFROM scratch\nCOPY --from=build /a /a\n",
        )
    yield (
        "go.mod",
        "module m\n\ngo 1.26.0\n\nrequire (\n" + "".join(f"\ta.example/m{n} v1.{n}.0\n" for n in range(90)) + ")\n",
    )
    yield "go.sum", "".join(_SUM.format(n) for n in range(600))
    yield "{}.bzl", 'load("@io_bazel_rules_go//go:def.bzl", "go_library")\n' * 20


_KINDS: Final = tuple(_kinds())
