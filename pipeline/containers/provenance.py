"""provenance.json of binaries that were built in containers: the same schema as on a host."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Final

import dagger

from pipeline import __version__
from pipeline.containers.messages import finished
from pipeline.containers.toolchain import Toolchain
from pipeline.core.build_plan import GoBuild
from pipeline.core.go_binary import GoBinary, parse_go_binaries
from pipeline.core.go_resolution import Resolution
from pipeline.core.kubernetes import KubernetesRelease
from pipeline.errors import BuildError

PROVENANCE_FILE: Final = "provenance.json"
SCHEMA_VERSION: Final = 1
_FOLDER: Final = "/binaries"


@dataclass(frozen=True, slots=True)
class Executed:
    """A build of a plan that was executed: with which toolchain (its source is the module) and what came out."""

    build: GoBuild
    toolchain: Toolchain
    binaries: dagger.Directory


@dataclass(frozen=True, slots=True)
class Examined:
    """What tools say about the binaries of a build: SHA-256 by file name, and the Go and modules in each program."""

    digests: Mapping[str, str]
    programs: Mapping[str, GoBinary]


async def examine(executed: Executed) -> Examined:
    """Take the digests of a build's binaries and module files, and ask each program which Go built it.

    Raises: BuildError when another Go than wanted built one of them.
    """
    container = executed.toolchain.unchecked().with_directory(_FOLDER, executed.binaries)
    paths = [f"{_FOLDER}/{main.placed_as}" for main in executed.build.mains]
    named = ["-name", "go.mod", "-o", "-name", "go.sum", "-o", "-path", f"{_FOLDER}/*"]
    find = ["find", _FOLDER, ".", "-maxdepth", "1", "-type", "f", "(", *named, ")", "-exec", "sha256sum", "{}", "+"]
    step = "report it: the image has no find or sha256sum"
    sums = await (await finished(container.with_exec(find), "taking digests", next_step=step)).stdout()
    asked = container.with_exec(["go", "version", "-m", *paths])
    programs = parse_go_binaries(await (await finished(asked, "go version -m", next_step=step)).stdout())
    examined = Examined(
        {PurePosixPath(path).name: digest for digest, path in (line.split(maxsplit=1) for line in sums.splitlines())},
        {PurePosixPath(program.path).name: program for program in programs},
    )
    _assert_go(examined, executed.build)
    return examined


def _assert_go(examined: Examined, build: GoBuild) -> None:
    wanted = build.gotoolchain
    for name, program in examined.programs.items():
        if wanted.startswith("go") and program.go_version != wanted:
            raise BuildError(
                f"{name} was built with another Go than asked for",
                seen=program.go_version,
                wanted=wanted,
                where=f"go version -m {name}",
                next_step="pass a base image that honours GOTOOLCHAIN",
            )


async def provenance(
    builds: tuple[Executed, ...], *, platform: str, release: KubernetesRelease | None, resolution: Resolution | None
) -> str:
    """Return the text of provenance.json; it holds no time of a run, so the same build gives the same text.

    Raises: BuildError when another Go than wanted built one of the binaries.
    """
    plugin = next((item for item in builds if not item.build.pinned), None)
    document = {
        "schema_version": SCHEMA_VERSION,
        "kms_e2e": __version__,
        "platform": platform,
        "kubernetes": release.git_version if release else "",
        "go_version": plugin.build.gotoolchain.removeprefix("go") if plugin else "",
        "go_version_source": resolution.source if resolution else "",
        "go_version_steps": [asdict(step) for step in resolution.steps] if resolution else [],
        "bootstrap": ["container"],
        "toolchains": [
            {"name": name, "platform": platform, "h1": ""}
            for name in sorted({item.build.gotoolchain for item in builds})
        ],
        "artifacts": [entry for item in builds for entry in await _artifacts(item, platform)],
    }
    return json.dumps(document, indent=2) + "\n"


async def _artifacts(executed: Executed, platform: str) -> list[dict[str, object]]:
    examined, build = await examine(executed), executed.build
    return [
        {
            "name": main.placed_as,
            "sha256": examined.digests[main.placed_as],
            "size_bytes": await executed.binaries.file(main.placed_as).size(),
            "version": main.version,
            "go_version": examined.programs[main.placed_as].go_version.removeprefix("go"),
            "package": main.package,
            "argv": list(build.argv(main.name, (main,))),
            "environment": dict(build.environment(platform)),
            "go_mod_sha256": examined.digests.get("go.mod", ""),
            "go_sum_sha256": examined.digests.get("go.sum", ""),
            "modules": [
                f"{module.path}@{module.version} {module.checksum or '-'}"
                for module in examined.programs[main.placed_as].modules
            ],
        }
        for main in build.mains
    ]
