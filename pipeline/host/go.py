"""One selected Go: run it, ask its version, ask a binary which Go built it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline.core.go_binary import GoBinary, parse_go_binaries
from pipeline.core.go_resolution import Mode, Resolution
from pipeline.core.go_version import GoVersion, parse_go_version
from pipeline.errors import BuildError, InputError, KmsE2EError
from pipeline.host.bootstrap import GoProgram
from pipeline.host.command import Command, Finished, run_command
from pipeline.host.explain import Attempt, explain
from pipeline.host.source import file_digest
from pipeline.host.toolchains import MODULE, check_toolchain, downloaded_checksum, module_version

_VERSION_LINE: Final = re.compile(r"go version (?P<version>.+) \S+/\S+")


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where Go commands run: their base environment, the log of this build, and a folder for temporary files."""

    environment: Mapping[str, str]
    log: Path
    temporary: Path


@dataclass(frozen=True, slots=True)
class SelectedGo:
    """The Go that builds one module graph.

    `toolchain` is the value of GOTOOLCHAIN, `version` what it has to report (`go1.26.10`), `source` where that was
    said, `identity` what tells it apart in a content key.
    """

    program: GoProgram
    toolchain: str
    version: str
    source: str
    identity: str

    def run(
        self,
        argv: tuple[str, ...],
        folder: Path,
        workplace: Workplace,
        *,
        what: str,
        on_line: Callable[[str], None] = lambda _line: None,
    ) -> Finished:
        """Run a Go command (`argv` begins with `go`) in a folder.

        Raises: KmsE2EError that explains it when it fails.
        """
        return _run(self, (argv, folder, workplace), what, on_line)

    def check_version(self, folder: Path, workplace: Workplace, platform: str) -> None:
        """Ask this Go for its version before anything is compiled.

        A toolchain that is fetched for it on `platform` is compared with the lock file before it is run.

        Raises: BuildError when it is another one than wanted; MachineError or InputError when it cannot be had.
        """
        if self.toolchain == self.version != self.program.version:
            self._fetch_checked(workplace, platform)
        found = _reported(self, folder, workplace)
        if found != self.version:
            raise BuildError(
                "the Go command is not the version that was asked for",
                seen=found,
                wanted=self.version,
                where=f"{self.program.path} with GOTOOLCHAIN={self.toolchain}",
                next_step="report it: the Go command did not switch to the toolchain it was given",
            )

    def _fetch_checked(self, workplace: Workplace, platform: str) -> None:
        modules = Path(workplace.environment["GOMODCACHE"])
        if not downloaded_checksum(modules, self.version, platform):
            local = replace(self, toolchain="local")
            wanted = f"{MODULE}@{module_version(self.version, platform)}"
            where = (("go", "mod", "download", wanted), workplace.temporary, workplace)
            _run(local, where, f"getting {self.version}", lambda _line: None, named=self.version)
        check_toolchain(self.version, platform, downloaded_checksum(modules, self.version, platform))

    def modules_of(self, binary: Path, workplace: Workplace) -> tuple[str, ...]:
        """Ask a binary which Go built it, and return the modules in it with version and checksum.

        Raises: BuildError when another Go built it.
        """
        argv = ("go", "version", "-m", str(binary))
        lines: list[str] = []
        self.run(argv, binary.parent, workplace, what=f"go version -m {binary.name}", on_line=lines.append)
        said = _read(lines)
        found = said.go_version if said else "no answer"
        if said is None or found != self.version:
            raise BuildError(
                f"{binary.name} was built with another Go than asked for",
                seen=found,
                wanted=self.version,
                where=f"go version -m {binary}",
                next_step=f"see {workplace.log}",
            )
        return tuple(f"{module.path}@{module.version} {module.checksum or '-'}" for module in said.modules)


def exact_go(program: GoProgram, version: GoVersion, source: str) -> SelectedGo:
    """Select the toolchain of one version; nothing is run."""
    return SelectedGo(program, version.toolchain, version.toolchain, source, version.toolchain)


def asked_go(program: GoProgram, resolution: Resolution, folder: Path, workplace: Workplace) -> SelectedGo:
    """Select what a resolution leaves to the Go command, by asking it for its version in the module's folder.

    Raises: InputError when it is not the wanted version; MachineError when the Go command cannot be run.
    """
    unknown = SelectedGo(program, resolution.gotoolchain, "", resolution.source, "")
    reported = _reported(unknown, folder, workplace)
    _check_accepted(reported, resolution, program)
    toolchain = reported if resolution.mode is Mode.AT_LEAST else resolution.gotoolchain
    identity = reported
    if resolution.uses_machine_go:
        identity = f"{reported} {program.path.resolve()} {file_digest(program.path)}"
    return SelectedGo(program, toolchain, reported, resolution.source, identity)


def _read(lines: Sequence[str]) -> GoBinary | None:
    try:
        return parse_go_binaries("\n".join(lines))[0]
    except InputError:
        return None


def _check_accepted(reported: str, resolution: Resolution, program: GoProgram) -> None:
    if resolution.mode is Mode.HOST:
        return
    try:
        if resolution.accepts(parse_go_version(reported.encode(), where="go version")):
            return
    except InputError:  # a development version or a fork of Go: never the wanted one
        pass
    local = resolution.mode is Mode.LOCAL
    raise InputError(
        f"GOTOOLCHAIN={resolution.gotoolchain} selects another Go version than wanted",
        seen=f"{reported} ({program.origin})",
        wanted=f"go{resolution.version}" + ("" if local else " or newer"),
        where=resolution.source,
        next_step=(
            "the usual cause is a golang image, which sets GOTOOLCHAIN=local: unset GOTOOLCHAIN (or set it to "
            f"go{resolution.version}), or use the image of that version"
        )
        if local
        else "unset GOTOOLCHAIN to build with the version of .go-version",
    )


def _reported(go: SelectedGo, folder: Path, workplace: Workplace) -> str:
    lines: list[str] = []
    _run(go, (("go", "version"), folder, workplace), f"getting {go.toolchain}", lines.append)
    matches = [match for line in lines if (match := _VERSION_LINE.fullmatch(line))]
    return matches[-1]["version"] if matches else f"no version: {' '.join(lines)[:200]!r}"


def _run(
    go: SelectedGo,
    where: tuple[tuple[str, ...], Path, Workplace],
    what: str,
    on_line: Callable[[str], None],
    *,
    named: str = "",
) -> Finished:
    argv, folder, workplace = where
    command = Command(
        (str(go.program.path), *argv[1:]),
        folder,
        {**workplace.environment, "GOTOOLCHAIN": go.toolchain},
        workplace.log,
        workplace.temporary,
    )
    finished = run_command(command, on_line)
    if finished.exit_code != 0:
        error: KmsE2EError = explain(Attempt(command, finished, what, named or go.toolchain, go.source))
        raise error
    return finished
