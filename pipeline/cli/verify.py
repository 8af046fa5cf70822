"""`kms-e2e verify`: whether programs were built with the Go that `.go-version` demands."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import typer

from pipeline import __version__
from pipeline.core.drift.formats import printable
from pipeline.core.go_version import GoVersion, parse_go_version
from pipeline.core.sbom import cyclonedx, spdx
from pipeline.errors import EXIT_SUITE_FAILED, InputError, MachineError
from pipeline.host.audit import truth_of
from pipeline.host.binaries import Program, read_programs
from pipeline.host.bootstrap import GoProgram, bootstrap_go


@dataclass(frozen=True, slots=True)
class Wanted:
    """The version that programs have to be built with, and the place that says so."""

    version: GoVersion
    source: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that got no verdict, and why."""

    path: Path
    problem: InputError


def verify(
    files: list[Path] = typer.Argument(
        help="Programs that Go built, or images: what `docker save` writes, OCI layouts as folders or archives."
    ),
    source: Path = typer.Option(Path(), help="The repository whose .go-version is demanded."),
    go_version: str | None = typer.Option(None, help="Version to demand instead, such as 1.26.10."),
    as_json: bool = typer.Option(False, "--json", help="Print it as JSON."),
    only: list[str] = typer.Option(
        [], metavar="GLOB", help="Of images only programs at such a path, as /usr/local/bin/*. May be given again."
    ),
    sbom: Path | None = typer.Option(None, help="Folder for a bill of materials per program, SPDX and CycloneDX."),
) -> None:
    """Tell which Go built each program, and whether it is the one that .go-version demands.

    Exit code 0: all are right; 1: another Go built one; 2: one is no program that Go built, or cannot be read.
    """
    wanted = _wanted(source, go_version)
    go = bootstrap_go()
    answers = [_ask(file, go, only) for file in files]
    programs = [program for answer in answers if not isinstance(answer, Unread) for program in answer]
    unread = [answer for answer in answers if isinstance(answer, Unread)]
    typer.echo(_as_json(programs, unread, wanted) if as_json else "\n".join(_lines(answers, wanted)))
    if sbom is not None:
        _write_sboms(programs, sbom)
    if unread:
        raise _without_verdict(unread, len(files))
    if not all(built_with(program, wanted.version) for program in programs):
        raise typer.Exit(EXIT_SUITE_FAILED)


def _ask(file: Path, go: GoProgram, only: Sequence[str]) -> list[Program] | Unread:
    """Return the programs of one file, or why there is none: the other files have their verdict all the same."""
    try:
        return _chosen(read_programs(file, go), only)
    except InputError as error:
        return Unread(file, error)


def _without_verdict(unread: Sequence[Unread], files: int) -> InputError:
    if len(unread) == 1:
        return unread[0].problem
    return InputError(
        f"{len(unread)} of {files} files have no verdict",
        seen="; ".join(printable(f"{item.path}: {item.problem.what}") for item in unread)[:1000],
        wanted=unread[0].problem.wanted,
        next_step="leave those files out, or name the programs themselves",
    )


def _chosen(programs: Sequence[Program], only: Sequence[str]) -> list[Program]:
    chosen = [item for item in programs if not (only and item.inside) or any(fnmatch(item.inside, g) for g in only)]
    if not chosen:
        raise InputError(
            "the image has no Go program at such a path",
            seen=", ".join(item.inside for item in programs)[:300],
            wanted=" or ".join(only),
            where=str(programs[0].path),
            next_step="correct --only, or leave it out for all of them",
        )
    return chosen


def built_with(program: Program, version: GoVersion) -> bool:
    """Tell whether that release built the program; experiments (`X:…`) do not count, forks (`go1.26.10-fork`) do."""
    return program.binary.go_version.split(" ")[0] == version.toolchain


def _wanted(source: Path, option: str | None) -> Wanted:
    if option is not None:
        return Wanted(parse_go_version(option.encode(), where="--go-version"), "--go-version")
    truth = truth_of(source)
    if truth.version.exact is None:
        raise InputError(
            "no exact Go version is in force there",
            seen=truth.reason,
            where=str(source),
            next_step="name a repository with --source, or a version with --go-version",
        )
    return Wanted(truth.version.exact, truth.file)


def _lines(answers: Sequence[list[Program] | Unread], wanted: Wanted) -> Iterator[str]:
    for answer in answers:
        if isinstance(answer, Unread):
            yield f"none   {printable(str(answer.path))}: {answer.problem.what}"
        else:
            yield from (_line(program, wanted) for program in answer)


def _line(program: Program, wanted: Wanted) -> str:
    seen = program.binary.go_version
    name = printable(program.shown)
    if built_with(program, wanted.version):
        return f"ok     {name}: {seen}"
    return f"wrong  {name}: {seen}, demanded is {wanted.version.toolchain} by {wanted.source}"


def _as_json(programs: Sequence[Program], unread: Sequence[Unread], wanted: Wanted) -> str:
    document = {
        "demanded": wanted.version.toolchain,
        "by": wanted.source,
        "programs": [
            {
                "file": str(program.path),
                "inside": program.inside or None,
                "sha256": program.sha256,
                "go": program.binary.go_version,
                "ok": built_with(program, wanted.version),
                "modules": len(program.binary.modules),
            }
            for program in programs
        ],
        "unread": [{"file": str(item.path), "reason": item.problem.what, "seen": item.problem.seen} for item in unread],
    }
    return json.dumps(document, indent=2)


def _write_sboms(programs: list[Program], folder: Path) -> None:
    tool = f"kms-e2e-{__version__}"
    if len({program.name for program in programs}) < len(programs):
        names = ", ".join(program.name for program in programs)
        raise InputError("two programs of one name would share a bill of materials", seen=names, where="--sbom")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for program in programs:
            name = program.name
            created = datetime.datetime.fromtimestamp(int(program.path.stat().st_mtime), datetime.UTC)
            stamp = created.strftime("%Y-%m-%dT%H:%M:%SZ")
            text = spdx(name, program.sha256, program.binary, tool=tool, created=stamp)
            (folder / f"{name}.spdx.json").write_text(text, encoding="utf-8")
            (folder / f"{name}.cyclonedx.json").write_text(
                cyclonedx(name, program.sha256, program.binary), encoding="utf-8"
            )
    except OSError as error:
        raise MachineError("a bill of materials could not be written", seen=str(error), where=str(folder)) from error
