"""What one run of the suite found: the model behind report.json, JUnit and the HTML report.

The JSON form is the public, versioned schema (`SCHEMA_VERSION`); `docs/report-schema.md` describes it.
Times are seconds since the epoch (`*_at`) or durations in seconds (`*_s`).
"""

from __future__ import annotations

import functools
import json
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from enum import StrEnum
from typing import Final, TypeVar

from pipeline.errors import InputError

SCHEMA_VERSION: Final = 1
FAMILIES: Final = {
    "A": "wire",
    "B": "encryption",
    "C": "rotation",
    "D": "failure",
    "E": "configuration",
    "F": "lifecycle",
}
OTHER_FAMILIES: Final = {"U": "upstream"}
"""Families that are no part of the checklist: those of other suites."""
SCENARIO_ID: Final = r"[A-Z]\d{2,3}[a-z]?"
"""A scenario's id, as a regular expression: its family's letter, two or three digits, a small letter for a variant."""

Record = TypeVar("Record")


class Level(StrEnum):
    """How binding a scenario is. Only a plugin's MUSTs decide conformance."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    INFO = "INFO"


class Subject(StrEnum):
    """Whose behaviour a scenario proves."""

    PLUGIN = "plugin"
    KUBE_APISERVER = "kube-apiserver"
    PROCEDURE = "procedure"


class Outcome(StrEnum):
    """How a scenario ended. ERROR: it could not be judged (its equipment failed); NOT_RUN: with a reason."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    NOT_RUN = "not run"


class NotRun(StrEnum):
    """The only reasons for which a check of the catalogue may be absent from a run."""

    NEEDS_NODE = "needs a node"
    NEEDS_ARCHITECTURE = "needs another architecture"
    HOOK_MISSING = "hook missing"
    NEEDS_PROCESS = "needs control of the plugin's process"
    NEEDS_ROOT = "needs root"
    NEEDS_PROVENANCE = "needs provenance.json"
    NOT_APPLICABLE = "does not apply to this Kubernetes"
    SOAK = "soak"
    NOT_BUILT = "not built yet"
    NEEDS_STORE = "needs the store"
    NEEDS_SPEED = "needs a faster machine"
    NOT_SELECTED = "not selected"
    INCONCLUSIVE = "inconclusive"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Proof:
    """One fact a scenario was decided by: what was looked at, what was seen and what was wanted."""

    name: str
    observed: str
    wanted: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Latency:
    """Latencies of one KMS method seen by a scenario, in seconds, in the order of the calls."""

    method: str
    samples_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """The outcome of one scenario, with the proof it was decided by.

    `reason` says why it failed, was not run, or which known upstream behaviour it met; empty when passed.
    `plane` names the control plane it ran on (logs/<plane>/); `worker` the process it ran in. `wrong_input`: an
    error of what the run was given, such as a hook that fails, and not of what was tested. `how` says how it is
    proved, `fails_with` with what it must fail (its negative twin). `expected`: why the plugin's author expects it to
    fail; it did fail, which is no conformance, but does not make the run fail.
    """

    id: str
    title: str
    family: str
    level: Level
    source: str
    subject: Subject
    outcome: Outcome
    reason: str = ""
    proofs: tuple[Proof, ...] = ()
    latencies: tuple[Latency, ...] = ()
    started_at: float = 0.0
    duration_s: float = 0.0
    plane: str = ""
    worker: str = ""
    known_issue: str = ""
    wrong_input: bool = False
    how: str = ""
    fails_with: str = ""
    expected: str = ""

    @property
    def is_bad(self) -> bool:
        """Tell whether it failed or could not be judged, and nobody expected that."""
        return self.outcome in (Outcome.FAILED, Outcome.ERROR) and not self.expected


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a component of a control plane (started, ready, stopped, died, reloaded)."""

    at: float
    plane: str
    component: str
    what: str


@dataclass(frozen=True, slots=True)
class KmsCall:
    """One call that passed the fault proxy, joined with the plugin's log by `uid`. `code` is the gRPC status name."""

    at: float
    plane: str
    method: str
    code: str
    duration_s: float
    uid: str = ""
    key_id: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A binary under test: digest of its bytes, and the Go it was built with (empty when it is not a Go binary)."""

    name: str
    sha256: str
    version: str = ""
    go_version: str = ""


@dataclass(frozen=True, slots=True)
class JobVariable:
    """A variable by which a CI system names the job that this run was, such as JOB_NAME of Prow."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class RunReport:
    """Everything one run found.

    `scenarios` is the whole catalogue, each id once: what was not selected is there as *not run*, so that a
    part of the suite never looks like the whole. `planned` are the ids selected. `platform` is what the binaries
    were built for (`linux/amd64`), `kms_version` the version of k8s.io/kms in the plugin; each is empty when nothing
    says it. `notes` say what a reader of the evidence must know (a torn line, shards of different versions).
    """

    run_id: str
    suite_version: str
    started_at: float
    finished_at: float
    plugin: str
    kubernetes: str
    go_version: str
    go_version_source: str
    exit_code: int
    interrupted: bool = False
    planned: tuple[str, ...] = ()
    scenarios: tuple[ScenarioResult, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    events: tuple[Event, ...] = ()
    calls: tuple[KmsCall, ...] = ()
    host: str = ""
    job: tuple[JobVariable, ...] = ()
    platform: str = ""
    kms_version: str = ""
    notes: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def count(self, outcome: Outcome) -> int:
        """Return how many scenarios ended with `outcome`."""
        return sum(scenario.outcome is outcome for scenario in self.scenarios)


def to_json(record: object, *, indent: int | None = None) -> str:
    """Return a record of this module as JSON, one line unless `indent` is given."""
    if not is_dataclass(record) or isinstance(record, type):
        msg = f"not a record: {record!r}"
        raise TypeError(msg)
    return json.dumps(asdict(record), indent=indent, ensure_ascii=False)


def from_json(kind: type[Record], text: str, *, where: str) -> Record:
    """Read a record of type `kind` from JSON.

    Fields that are not known are passed over: a later release may add some without a new schema version.

    Raises: InputError when the text is not JSON, a field is missing or of another type, or the report was
    written by another schema version.
    """
    try:
        document = json.loads(text)
        if isinstance(document, dict) and document.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
            raise InputError(
                "the report was written with another schema version",
                seen=str(document["schema_version"]),
                wanted=str(SCHEMA_VERSION),
                where=where,
                next_step="read it with the release of kms-e2e that wrote it",
            )
        return typing.cast("Record", _read(kind, document))
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"not a {kind.__name__} of a report", seen=str(error), where=where) from error


def _read(kind: object, value: object) -> object:
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(value, Mapping):
            msg = f"{kind.__name__} wants an object, not {value!r}"
            raise TypeError(msg)
        hints = _hints(kind)
        return kind(**{name: _read(hints[name], item) for name, item in value.items() if name in hints})
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list):
            msg = f"wanted a list, not {value!r}"
            raise TypeError(msg)
        return tuple(_read(typing.get_args(kind)[0], item) for item in value)
    return _read_scalar(typing.cast("type", kind), value)


def _read_scalar(kind: type, value: object) -> object:
    if issubclass(kind, StrEnum):
        return kind(typing.cast("str", value))
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        msg = f"wanted {kind.__name__}, not {value!r}"
        raise TypeError(msg)
    return value


@functools.cache
def _hints(kind: type) -> Mapping[str, object]:
    return typing.get_type_hints(kind)
