"""provenance.json: where every binary of an assets folder comes from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from pipeline import __version__
from pipeline.core.build_plan import PLUGIN_LABEL
from pipeline.core.go_resolution import Resolution
from pipeline.host.compile import Built, Job
from pipeline.host.kubernetes_sources import ControlPlaneInput
from pipeline.host.paths import CachePaths
from pipeline.host.source import file_digest
from pipeline.host.toolchains import check_toolchain, downloaded_checksum

PROVENANCE_FILE: Final = "provenance.json"
SCHEMA_VERSION: Final = 1


def provenance(
    paths: CachePaths,
    results: Sequence[tuple[Job, Sequence[Built]]],
    *,
    control_plane: ControlPlaneInput | None,
    resolution: Resolution | None,
    taken: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the text of provenance.json: versions, flags, module sums and SHA-256 of every binary.

    `taken` are programs that were taken as they are, with their SHA-256.

    It holds no time of a run: a second run that builds nothing writes the same text.
    """
    plugin = next((job for job, _ in results if job.build.label == PLUGIN_LABEL), None)
    finished = [*({"name": name, "sha256": digest} for name, digest in taken)]
    if control_plane is not None:
        finished += control_plane.artifacts
    names = {entry["name"] for entry in finished}
    compiled = [_artifact(job, built) for job, all_built in results for built in all_built]
    document = {
        "schema_version": SCHEMA_VERSION,
        "kms_e2e": __version__,
        "platform": results[0][0].built_for if results else "",
        "kubernetes": control_plane.version if control_plane else "",
        "kubernetes_source": dict(control_plane.origin) if control_plane else {},
        "go_version": plugin.go.version.removeprefix("go") if plugin else "",
        "go_version_source": resolution.source if resolution else "",
        "go_version_steps": [asdict(step) for step in resolution.steps] if resolution else [],
        "bootstrap": sorted({job.go.program.origin for job, _ in results}),
        "toolchains": _toolchains(paths, results),
        "artifacts": [*(entry for entry in compiled if entry["name"] not in names), *finished],
    }
    return json.dumps(document, indent=2) + "\n"


def _artifact(job: Job, built: Built) -> dict[str, object]:
    build, entry = job.build, built.entry
    return {
        "name": built.main.placed_as,
        "sha256": entry.sha256,
        "size_bytes": entry.size_bytes,
        "version": built.main.version,
        "go_version": entry.go_version.removeprefix("go"),
        "package": built.main.package,
        "content_key": entry.key,
        "argv": list(build.argv(built.main.name, (built.main,))),
        "environment": dict(build.environment(job.built_for)),
        "go_mod_sha256": _digest(job.folder / "go.mod"),
        "go_sum_sha256": _digest(job.folder / "go.sum"),
        "modules": list(entry.modules),
    }


def _toolchains(paths: CachePaths, results: Sequence[tuple[Job, Sequence[Built]]]) -> list[dict[str, str]]:
    """Name each toolchain with the checksum that the checksum database vouched for when it was downloaded.

    Raises: BuildError when the lock file names another checksum, before a binary is handed out.
    """
    found = []
    for name, platform in sorted({(job.go.version, job.platform) for job, _ in results}):
        checksum = downloaded_checksum(paths.modules, name, platform)
        check_toolchain(name, platform, checksum)
        found.append({"name": name, "platform": platform, "h1": checksum})
    return found


def _digest(path: Path) -> str:
    return file_digest(path) if path.is_file() else ""
