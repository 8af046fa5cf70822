"""Upstream's tests that need a real container runtime: a reviewed list per Kubernetes version, and how it is judged.

The list also holds the names of the tests that ran, so that one that appears or disappears upstream is noticed.
`candidates` makes a new list of a run; a person reviews the classes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from pipeline.core.upstream import DEFAULT_FOCUS
from pipeline.errors import InputError
from pipeline.report.files import JUNIT_FILE, PROVENANCE_FILE
from pipeline.suite.upstream.ginkgo import TestOutcome, TestResult, read_junit

FOLDER: Final = Path(__file__).with_name("needs_a_node")
_FAILURE_LENGTH: Final = 200


class NeedClass(StrEnum):
    """What of a real node a test needs."""

    EXEC = "exec"
    LOGS = "logs"
    PROXY = "proxy"
    NETWORK = "in-pod network"
    VOLUME = "volume content"
    WEBHOOK = "webhook server"
    DNS = "DNS"
    RUNTIME = "container process"
    KUBELET = "kubelet"
    COMPACTION = "etcd compaction, which is off"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Need:
    """Why a test is on the list: its class, and the failure that it was captured with."""

    kind: NeedClass
    failure: str


@dataclass(frozen=True, slots=True)
class NodeList:
    """The list of one Kubernetes version. `needs` by the test's full name; `runs` are those that passed.

    `proves_nothing` are tests that pass whatever happens, with the reason; they are never run.
    """

    kubernetes: str
    needs: Mapping[str, Need] = field(default_factory=dict)
    runs: frozenset[str] = frozenset()
    proves_nothing: Mapping[str, str] = field(default_factory=dict)

    @property
    def known(self) -> set[str]:
        """Return the tests of which the list says something."""
        return set(self.needs) | self.runs | set(self.proves_nothing)

    def why(self, name: str) -> str:
        """Return why a test is left out, in one line."""
        need = self.needs.get(name)
        return f"{need.kind}: {need.failure}" if need else self.proves_nothing[name]

    def appeared(self, existing: Collection[str]) -> tuple[str, ...]:
        """Return the tests of which the list says nothing."""
        return tuple(sorted(set(existing) - self.known))

    def disappeared(self, existing: Collection[str]) -> tuple[str, ...]:
        """Return the tests of the list that this version of Kubernetes does not have."""
        return tuple(sorted(self.known - set(existing)))

    def to_json(self) -> str:
        """Return the text of the file, sorted, a line a test, so that a change is easy to review."""
        needs = {name: {"class": need.kind, "failure": need.failure} for name, need in sorted(self.needs.items())}
        nothing = dict(sorted(self.proves_nothing.items()))
        document = {"kubernetes": self.kubernetes, "needs": needs, "proves_nothing": nothing, "runs": sorted(self.runs)}
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def read_node_list(minor: str, folder: Path = FOLDER) -> NodeList:
    """Return the list of a line such as `1.37`; an empty one when there is none yet.

    Raises: InputError when the file cannot be read.
    """
    path = folder / f"{minor}.json"
    if not path.is_file():
        return NodeList("")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        needs = {name: Need(NeedClass(row["class"]), row["failure"]) for name, row in document["needs"].items()}
        return NodeList(document["kubernetes"], needs, frozenset(document["runs"]), document["proves_nothing"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "the list of tests that need a node cannot be read", seen=str(error), where=str(path)
        ) from error


def candidates(kubernetes: str, results: Iterable[TestResult], before: NodeList) -> NodeList:
    """Return the list that a run suggests: what failed needs a node, what passed runs.

    Only tests marked [Conformance] are taken, as others are never compared with the list. A class that somebody has
    already assigned stays; a new one comes from the rules on the failure's text. What did not run stays as it was.
    """
    needs, runs = dict(before.needs), set(before.runs)
    for result in results:
        if not re.search(DEFAULT_FOCUS, result.name):
            continue
        if result.outcome is TestOutcome.PASSED:
            needs.pop(result.name, None)
            runs.add(result.name)
        elif result.outcome is TestOutcome.FAILED:
            runs.discard(result.name)
            known = before.needs.get(result.name)
            kind = known.kind if known else classify(result.name, result.message)
            needs[result.name] = Need(kind, said(result.message))
    return NodeList(kubernetes, needs, frozenset(runs - set(before.proves_nothing)), before.proves_nothing)


def list_of_report(report: Path) -> tuple[NodeList, str]:
    """Return the list that a report folder suggests, on top of the one of its Kubernetes line, and that line.

    Raises: InputError when the folder holds no run of upstream's tests.
    """
    provenance = report / PROVENANCE_FILE
    junit = sorted(path for path in report.glob("junit_*01.xml") if path.name != JUNIT_FILE)
    if not junit or not provenance.is_file():
        raise InputError(
            "no report of upstream's tests",
            seen=", ".join(sorted(path.name for path in report.glob("*"))[:8]) or "nothing",
            wanted=f"{PROVENANCE_FILE} and upstream's JUnit file",
            where=str(report),
            next_step="run `kms-e2e run --suite upstream --verify-list --report DIR` first",
        )
    kubernetes = str(json.loads(provenance.read_text(encoding="utf-8"))["kubernetes"])
    minor = kubernetes.removeprefix("v").rpartition(".")[0]
    return candidates(kubernetes, read_junit(junit[0]), read_node_list(minor)), minor


# In this order; the first rule with a word that is in the test's name or in its failure decides.
_RULES: Final[tuple[tuple[NeedClass, tuple[str, ...]], ...]] = (
    (NeedClass.COMPACTION, ("has been compacted away",)),
    (NeedClass.WEBHOOK, ("AdmissionWebhook", "ConversionWebhook", "FieldSelectors", "Aggregator")),
    (NeedClass.DNS, ("] DNS ", "ExternalName")),
    (
        NeedClass.KUBELET,
        ("InPlace Resize", "Ephemeral Containers", "Pod Generation", "Sysctls", "activeDeadlineSeconds to be"),
    ),
    (NeedClass.RUNTIME, ("Probing container", "Lifecycle Hook", "PreStop", "InitContainer", "Runtime blackbox")),
    (
        NeedClass.EXEC,
        ("failed to execute command", "remote command", "RunHostCmd", "failed to run command", "API token into pods"),
    ),
    (NeedClass.LOGS, ("pod logs", "client logs", "websocket logs", "kubectl logs", "logs logs", "print the output")),
    (NeedClass.PROXY, ("Proxy version", "Update Demo", "Guestbook")),
    (
        NeedClass.NETWORK,
        ("not reachable", "Granular Checks", "HostPort", "[sig-network]", "serve a basic image", "Kubectl expose"),
    ),
    (NeedClass.VOLUME, ("[sig-storage]", "subpath", "Projected", "Projection", "ImageVolume", "service account token")),
    (NeedClass.RUNTIME, ("[sig-node]", "[sig-apps]", "[sig-auth]")),
)


def classify(name: str, failure: str) -> NeedClass:
    """Guess from a test's name and failure what it needs of a node; a person reviews it."""
    text = f"{name}\n{failure}"
    return next((kind for kind, words in _RULES if any(word in text for word in words)), NeedClass.UNKNOWN)


_PLACE: Final = re.compile(r"\s+In \[[^]]+\] at: .*", re.DOTALL)
_VARYING: Final = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"/(?:[\w.+-]+/)+(?=kubectl\b|kubeconfig\b|admin\.conf\b)"), ""),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}"), "<uid>"),
    (re.compile(r"\b0x[0-9a-f]+"), "0x…"),
)


def said(message: str) -> str:
    """Return a failure as the list has it: without place and time at its end, folders, addresses and UIDs."""
    text = _PLACE.sub("", message.removeprefix("[FAILED] "))
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    return " ".join(text.split())[:_FAILURE_LENGTH]
