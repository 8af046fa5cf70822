"""What a run of upstream's own tests found, beside the scenarios that judge it: the model behind upstream.json."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.comparison import GATE, Interval, Pairs

NEEDS_A_NODE: Final = "needs a node"
# What is selected unless the user says otherwise: the conformance tests that may run beside each other.
DEFAULT_FOCUS: Final = r"\[Conformance\]"
DEFAULT_SKIP: Final = r"\[Serial\]"
_SIG: Final = re.compile(r"\[(sig-[a-z-]+)\]")


@dataclass(frozen=True, slots=True)
class UpstreamTest:
    """One of upstream's tests: `outcome` is passed, failed, skipped, interrupted or needs a node (then it was not run).

    `message` is upstream's failure or reason to skip; for a test that needs a node what it needs.
    """

    name: str
    outcome: str
    message: str = ""
    duration_s: float = 0.0

    @property
    def sig(self) -> str:
        """Return the group that owns the test, such as `sig-auth`."""
        found = _SIG.search(self.name)
        return found[1] if found else "other"


@dataclass(frozen=True, slots=True)
class SigRow:
    """How many tests of one group ended how. Interrupted and skipped ones are `other`."""

    sig: str
    passed: int
    failed: int
    needs_a_node: int
    other: int

    @property
    def total(self) -> int:
        """Return the number of selected tests."""
        return self.passed + self.failed + self.needs_a_node + self.other


@dataclass(frozen=True, slots=True)
class WrittenResource:
    """Values of one resource that etcd was given, and how often kube-apiserver says it wrote one so."""

    resource: str
    written: int
    counted: int


@dataclass(frozen=True, slots=True)
class PlainKeys:
    """Values written below a key that is never encrypted."""

    prefix: str
    written: int


@dataclass(frozen=True, slots=True)
class PluginCalls:
    """How often kube-apiserver called the plugin during one sample; `refused` are those of them that got an error."""

    encrypt: int
    decrypt: int
    refused: int = 0


@dataclass(frozen=True, slots=True)
class CostRow:
    """Seconds of the same work on a plain store and on an encrypted one, in pairs; `gated`: KEP-3299 limits it.

    `calls` are those of each sample on the encrypted store, in the order of `kms_s`: without any, what is between
    kube-apiserver and the plugin cannot have mattered.
    """

    name: str
    plain_s: tuple[float, ...]
    kms_s: tuple[float, ...]
    gated: bool
    calls: tuple[PluginCalls, ...] = ()

    def ratio(self) -> Interval:
        """Return the interval of the ratio with / without.

        Raises: InputError for too few pairs.
        """
        return Pairs(self.plain_s, self.kms_s).ratio()

    def difference(self) -> Interval:
        """Return the interval of with - without, in seconds.

        Raises: InputError for too few pairs.
        """
        return Pairs(self.plain_s, self.kms_s).difference()

    def verdict(self) -> str:
        """Return the ratio's place by the gate, or nothing for a row without one."""
        if not self.gated:
            return ""
        found = self.ratio().against(GATE)
        return found if found == "inconclusive" else f"{found} the gate of {GATE:.2f}"

    def calls_a_sample(self) -> str:
        """Return the fewest and most calls of a sample: `Encrypt 1, Decrypt 8 to 9, of these refused 3`, or `none`."""
        counts = (
            ("Encrypt", [call.encrypt for call in self.calls]),
            ("Decrypt", [call.decrypt for call in self.calls]),
            ("of these refused", [call.refused for call in self.calls]),
        )
        return ", ".join(f"{name} {_span(values)}" for name, values in counts if any(values)) or "none"


@dataclass(frozen=True, slots=True)
class UpstreamReport:
    """Everything of one run; the lists about writes are empty for a cluster whose etcd is not looked at.

    `duration_s` is the time from ginkgo's start to its end, in seconds; `procs` how many tests ran at a time;
    `plain_store`: nothing was encrypted, to compare with.
    """

    kubernetes: str
    focus: str
    skip: str
    label_filter: str
    procs: int
    duration_s: float
    tests: tuple[UpstreamTest, ...]
    resources: tuple[WrittenResource, ...] = ()
    plain: tuple[PlainKeys, ...] = ()
    notes: tuple[str, ...] = ()
    costs: tuple[CostRow, ...] = ()
    plain_store: bool = False

    def rows(self) -> tuple[SigRow, ...]:
        """Return the table by group, with a last row of totals."""
        groups = sorted({test.sig for test in self.tests})
        rows = [_row(group, (test for test in self.tests if test.sig == group)) for group in groups]
        return (*rows, _row("all", self.tests))


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def _row(sig: str, tests: Iterable[UpstreamTest]) -> SigRow:
    outcomes = [test.outcome for test in tests]
    passed, failed, needs = (outcomes.count(outcome) for outcome in ("passed", "failed", NEEDS_A_NODE))
    return SigRow(sig, passed, failed, needs, len(outcomes) - passed - failed - needs)
