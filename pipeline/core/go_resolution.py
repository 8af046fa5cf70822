"""Which Go builds the plugin, when several places name one: upstream's precedence as a pure function.

Source: `kube::golang::internal::verify_go_version` in Kubernetes' hack/lib/golang.sh (v1.37.2) for the precedence,
and the Go command's documentation of GOTOOLCHAIN (go.dev/doc/toolchain) for its values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

from pipeline.core.go_version import WANTED, GoVersion, parse_go_version, quote
from pipeline.errors import InputError

FILE_NAME: Final = ".go-version"
GO_MOD: Final = "go.mod"
_SWITCHES: Final = ("auto", "path")


@dataclass(frozen=True, slots=True)
class VersionFile:
    """A `.go-version` file as it was found: its bytes, or why it could not be read.

    Where there is none, go.mod stands in for it (`go_mod_version`), with `name` saying so.
    """

    path: str
    content: bytes | None = None
    problem: InputError | None = None
    name: str = FILE_NAME

    @property
    def named(self) -> bool:
        """Tell whether there is such a file, usable or not."""
        return self.content is not None or self.problem is not None


def go_mod_version(text: str, path: str) -> VersionFile | None:
    """Return the version that a go.mod asks for: its toolchain line, else its go line; None when it has neither.

    A go line without a patch number, such as `go 1.26`, means the first release of that line.
    """
    toolchain = re.search(r"^toolchain\s+go(\S+)", text, re.MULTILINE)
    line = re.search(r"^go\s+(\d+\.\d+)(\S*)", text, re.MULTILINE)
    if toolchain is None and line is None:
        return None
    version = toolchain[1] if toolchain else f"{line[1]}{line[2] or '.0'}" if line else ""
    return VersionFile(path, version.encode(), name=GO_MOD)


class Mode(StrEnum):
    """How the Go command is chosen, and what is asserted about it.

    EXACT: the toolchain of that name. AT_LEAST: that or a newer one that go.mod asks for. LOCAL: whatever GOTOOLCHAIN
    selects from the machine's `go`, which must then be the wanted version. HOST: the machine's `go`, whichever it is.
    """

    EXACT = "exact"
    AT_LEAST = "at least"
    LOCAL = "local"
    HOST = "host"


class Outcome(StrEnum):
    """What became of one input."""

    WON = "won"
    LOST = "lost"
    WANTED = "wanted"
    NOT_SET = "not set"


@dataclass(frozen=True, slots=True)
class Step:
    """One input that was looked at: its value (None when not set), where it stands, what became of it and why."""

    name: str
    value: str | None
    where: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer: which Go is wanted, how it is selected, and every input that was looked at, strongest first.

    `version` is None only with FORCE_HOST_GO, where the machine decides; `gotoolchain` is the value for GOTOOLCHAIN;
    `source` says what won and where it stands.
    """

    mode: Mode
    version: GoVersion | None
    gotoolchain: str
    source: str
    steps: tuple[Step, ...]

    @property
    def uses_machine_go(self) -> bool:
        """Say whether the machine's `go` is run instead of the bootstrap's."""
        return self.mode in {Mode.LOCAL, Mode.HOST}

    def accepts(self, version: GoVersion) -> bool:
        """Say whether a Go that reports `version` is what was asked for."""
        if self.version is None:
            return True
        if self.mode is Mode.AT_LEAST:
            return version.order >= self.version.order
        return version == self.version


def resolve(environment: Mapping[str, str], file: VersionFile, *, option: str | None = None) -> Resolution:
    """Decide which Go builds the plugin.

    Precedence: `option` (the command line's --go-version), then as upstream GOTOOLCHAIN unless empty or `auto`,
    `GO_VERSION=devel` (refused), FORCE_HOST_GO when not empty, GO_VERSION when not empty, the file.

    Raises: InputError when the winner, or the version it has to agree with, is no version; when it is `devel`;
    when nothing names a version.
    """
    inputs = _Inputs(environment, file, option)
    name = inputs.winner()
    if name == "--go-version":
        return inputs.exact(name, option or "", "the command line")
    if name == "GOTOOLCHAIN":
        return _from_gotoolchain(inputs)
    if name == "FORCE_HOST_GO":
        return Resolution(Mode.HOST, None, "local", inputs.source(name), inputs.steps())
    if name == "GO_VERSION":
        if inputs.value(name) == "devel":
            raise _devel()
        return inputs.exact(name, inputs.value(name), _ENVIRONMENT)
    return Resolution(Mode.EXACT, inputs.wanted(), inputs.wanted().toolchain, inputs.source(name), inputs.steps())


_ENVIRONMENT: Final = "the environment"
_NOT_SET: Final = {"GOTOOLCHAIN": ("", "auto"), "FORCE_HOST_GO": ("",), "GO_VERSION": ("",)}
_REASONS: Final = {
    "--go-version": "the command line is stronger than any variable or file",
    "GOTOOLCHAIN": "GOTOOLCHAIN is stronger than GO_VERSION, FORCE_HOST_GO and the file, unless it is 'auto'",
    "FORCE_HOST_GO": "FORCE_HOST_GO takes the machine's go, whichever version it is",
    "GO_VERSION": "GO_VERSION is stronger than the file",
    FILE_NAME: "nothing else names a version",
}


@dataclass(frozen=True, slots=True)
class _Inputs:
    environment: Mapping[str, str]
    file: VersionFile
    option: str | None

    def value(self, name: str) -> str:
        return (self.option or "") if name == "--go-version" else self.environment.get(name, "")

    def winner(self) -> str:
        if self.option is not None:
            return "--go-version"
        if self.value("GOTOOLCHAIN") not in _NOT_SET["GOTOOLCHAIN"]:
            return "GOTOOLCHAIN"
        if self.value("GO_VERSION") == "devel":
            return "GO_VERSION"
        for name in ("FORCE_HOST_GO", "GO_VERSION"):
            if self.value(name):
                return name
        return FILE_NAME

    def source(self, name: str) -> str:
        return f"{self.file.name} ({self.file.path})" if name == FILE_NAME else f"{name} ({self._where(name)})"

    def exact(self, name: str, text: str, where: str) -> Resolution:
        version = parse_go_version(text.encode(errors="surrogateescape"), where=f"{name} in {where}")
        return Resolution(Mode.EXACT, version, version.toolchain, self.source(name), self.steps())

    def wanted(self) -> GoVersion:
        """Return what GO_VERSION or the file asks for."""
        text = self.value("GO_VERSION")
        if text == "devel":
            raise _devel()
        if text:
            return parse_go_version(text.encode(errors="surrogateescape"), where=f"GO_VERSION in {_ENVIRONMENT}")
        if self.file.problem is not None:
            raise self.file.problem
        if self.file.content is None:
            raise InputError(
                "nothing says which Go version to build with",
                wanted=f"a file {FILE_NAME} with one version such as 1.26.10",
                where=self.file.path,
                next_step=f"write the file, or set GO_VERSION (looked at: {', '.join(_REASONS)})",
            )
        return parse_go_version(self.file.content, where=self.file.path)

    def steps(self, *, agrees: bool = False) -> tuple[Step, ...]:
        """Describe every input; with `agrees`, the strongest version below the winner is what it has to agree with.

        Where go.mod stands in for `.go-version`, each has a row of its own.
        """
        winner = self.winner()
        wanted = ("GO_VERSION" if self.value("GO_VERSION") else FILE_NAME) if agrees else ""
        steps = tuple(self._step(name, winner, wanted) for name in _REASONS)
        if self.file.name == FILE_NAME:
            return steps
        absent = Step(FILE_NAME, None, str(PurePosixPath(self.file.path).with_name(FILE_NAME)), Outcome.NOT_SET, "")
        return (*steps[:-1], absent, replace(steps[-1], name=self.file.name))

    def _step(self, name: str, winner: str, wanted: str) -> Step:
        value, where = self._shown(name), self._where(name)
        if value is None:
            return Step(name, None, where, Outcome.NOT_SET, "")
        if name == winner:
            return Step(name, value, where, Outcome.WON, _REASONS[name])
        if name == wanted:
            return Step(name, value, where, Outcome.WANTED, f"the Go that {winner} selects has to be this version")
        if value in _NOT_SET.get(name, ()):
            return Step(name, value, where, Outcome.NOT_SET, "counts as not set, as upstream")
        return Step(name, value, where, Outcome.LOST, f"{winner} is stronger")

    def _where(self, name: str) -> str:
        return {"--go-version": "the command line", FILE_NAME: self.file.path}.get(name, _ENVIRONMENT)

    def _shown(self, name: str) -> str | None:
        if name == "--go-version":
            return self.option
        if name == FILE_NAME:
            content = self.file.content
            return None if content is None else quote(content.removesuffix(b"\n"))[1:-1]
        return self.environment.get(name)


def _from_gotoolchain(inputs: _Inputs) -> Resolution:
    value, source = inputs.value("GOTOOLCHAIN"), inputs.source("GOTOOLCHAIN")
    base, plus, switch = value.partition("+")
    if value == "path" or (base == "local" and (not plus or switch in _SWITCHES)):
        return Resolution(Mode.LOCAL, inputs.wanted(), value, source, inputs.steps(agrees=True))
    if not base.startswith("go") or (plus and switch not in _SWITCHES):
        raise InputError(
            "not a value for GOTOOLCHAIN",
            seen=quote(value.encode(errors="surrogateescape")),
            wanted="a toolchain such as go1.26.10, go1.26.10+auto or go1.26.10+path; local; path; or auto",
            where=f"GOTOOLCHAIN in {_ENVIRONMENT}",
            next_step="unset GOTOOLCHAIN to build with the version of .go-version",
        )
    version = parse_go_version(base.encode(errors="surrogateescape"), where=f"GOTOOLCHAIN in {_ENVIRONMENT}")
    mode = Mode.AT_LEAST if plus else Mode.EXACT
    return Resolution(mode, version, version.toolchain + plus + switch, source, inputs.steps())


def _devel() -> InputError:
    return InputError(
        "GO_VERSION=devel is refused: upstream builds Go from its development branch for it,"
        " which has no fixed content and no entry in the checksum database",
        seen="devel",
        wanted=WANTED,
        where=f"GO_VERSION in {_ENVIRONMENT}",
        next_step="name a release, a beta or a release candidate; or build that Go yourself and set FORCE_HOST_GO=y",
    )
