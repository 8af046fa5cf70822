"""The scenarios of a run of upstream's tests: what each is decided by."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.samples import Sample

from pipeline.core.result import Level, NotRun, Outcome, Proof, ScenarioResult, Subject
from pipeline.suite.upstream.ginkgo import TestOutcome, TestResult
from pipeline.suite.upstream.needs_a_node import NodeList, said
from pipeline.suite.upstream.writes import WriteCounts, plural

FAMILY: Final = "U"
_KEP: Final = "KEP-3299"
_DOCS: Final = "kubernetes.io/docs/tasks/administer-cluster/encrypt-data, resources '*.*'"
_EXAMPLES: Final = 20
_SHORT: Final = 400
TRANSFORMATIONS: Final = "apiserver_storage_transformation_operations_total"
_KMS_PREFIX: Final = "k8s:enc:kms:v2:"


@dataclass(frozen=True, slots=True)
class Check:
    """A scenario of this suite, before it has an outcome."""

    id: str
    title: str
    source: str
    subject: Subject

    def blank(self, outcome: Outcome = Outcome.NOT_RUN, reason: str = NotRun.INTERRUPTED) -> ScenarioResult:
        """Return its result without proofs."""
        return ScenarioResult(
            self.id, self.title, FAMILY, Level.INFO, self.source, self.subject, outcome, reason, plane="upstream"
        )

    def judged(self, proofs: Sequence[Proof]) -> ScenarioResult:
        """Return its result: it passed when every proof holds, else the first ones that do not are the reason."""
        wrong = [f"{proof.name}: saw {proof.observed}, wanted {proof.wanted}" for proof in proofs if not proof.holds]
        result = self.blank(Outcome.FAILED if wrong else Outcome.PASSED, "\n".join(wrong[:_EXAMPLES]))
        return dataclasses.replace(result, proofs=tuple(proofs))


TESTS: Final = Check(
    "U01", "Upstream's tests pass on a fully encrypted store", "k8s.io/kubernetes/test/e2e", Subject.PROCEDURE
)
LIST: Final = Check(
    "U02", "The list of tests that need a node is true", "pipeline/suite/upstream/needs_a_node", Subject.PROCEDURE
)
WRITES: Final = Check("U03", "Everything ever written is encrypted by the plugin", _DOCS, Subject.KUBE_APISERVER)
METRICS: Final = Check(
    "U04", "kube-apiserver's metrics agree with what was written", f"{_KEP}, metrics", Subject.KUBE_APISERVER
)
COST: Final = Check(
    "U05",
    "Encrypting every resource slows API users by less than a fifth",
    f"{_KEP}, Scalability",
    Subject.KUBE_APISERVER,
)
PLAIN_WRITES: Final = dataclasses.replace(WRITES, title="Everything ever written is plain, to compare with")
CHECKS: Final = (TESTS, LIST, WRITES, METRICS)
PLAIN_CHECKS: Final = (TESTS, LIST, PLAIN_WRITES, METRICS)
"""What is judged when nothing is encrypted."""


def judge_tests(planned: Collection[str], results: Sequence[TestResult], listed: NodeList) -> ScenarioResult:
    """Judge U01: each planned test passed, was skipped by its own words, or is on the list."""
    by_name = {result.name: result for result in results}
    counts = Counter(result.outcome for result in results)
    failures = [
        result for result in results if result.outcome is TestOutcome.FAILED and result.name not in listed.needs
    ]
    missing = [name for name in planned if by_name.get(name, _GONE).outcome is TestOutcome.INTERRUPTED]
    as_expected = counts[TestOutcome.PASSED] + counts[TestOutcome.FAILED] - len(failures)
    proofs = [
        Proof("tests that passed, or failed as listed", str(as_expected), "at least 1", as_expected > 0),
        _none("tests that failed and are not on the list", len(failures)),
        _none("tests that were planned and did not end", len(missing)),
        *(Proof(result.name, _short(result.message), "passed", holds=False) for result in failures[:_EXAMPLES]),
        *(Proof(name, "did not end", "passed", holds=False) for name in missing[:_EXAMPLES]),
    ]
    return TESTS.judged(proofs)


_GONE: Final = TestResult("", TestOutcome.INTERRUPTED)


def judge_list(existing: Collection[str], results: Sequence[TestResult], listed: NodeList) -> ScenarioResult:
    """Judge U02: no test on the list passed, and each one on it still exists."""
    passed = [item.name for item in results if item.outcome is TestOutcome.PASSED and item.name in listed.needs]
    gone = [name for name in listed.disappeared(existing) if name in listed.needs]
    failed = [item for item in results if item.outcome is TestOutcome.FAILED and item.name in listed.needs]
    alike = sum(said(item.message) == listed.needs[item.name].failure for item in failed)
    proofs = [
        Proof("tests on the list", str(len(listed.needs)), "any number", holds=True),
        Proof(
            "tests on the list that failed again", str(len(failed)), "any number; --verify-list runs them", holds=True
        ),
        Proof("of these with the very failure of the list", str(alike), "any number", holds=True),
        _none("tests on the list that passed", len(passed)),
        _none("tests on the list that this Kubernetes does not have", len(gone)),
        *(Proof(name, "passed", "not on the list any more", holds=False) for name in passed[:_EXAMPLES]),
        *(Proof(name, "no such test", "not on the list any more", holds=False) for name in gone[:_EXAMPLES]),
    ]
    return LIST.judged(proofs)


def judge_writes(counts: WriteCounts) -> ScenarioResult:
    """Judge U03: each value that etcd was ever given was written by the plugin's provider and opens."""
    plain = ", ".join(f"{count} below {prefix}" for prefix, count in sorted(counts.plain.items())) or "none"
    return WRITES.judged(
        [
            Proof("values encrypted, each opened", str(counts.encrypted.total()), "at least 1", bool(counts.encrypted)),
            _none("values that are not", counts.problem_count),
            Proof("keys that are never encrypted", plain, "only the ones that are named", holds=True),
            _complete(counts),
            Proof("keyIDs", ", ".join(sorted(counts.key_ids)) or "none", "at least one", bool(counts.key_ids)),
            *(Proof("not encrypted", problem, "encrypted", holds=False) for problem in counts.problems),
        ]
    )


def count_encryptions(samples: Iterable[Sample]) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many values `TRANSFORMATIONS` says were written, by resource: by a KMS v2 provider, and otherwise."""
    by_kms: Counter[str] = Counter()
    otherwise: Counter[str] = Counter()
    for sample in samples:
        labels = sample.labels
        if labels["transformation_type"] == "to_storage" and labels["status"] == "OK":
            into = by_kms if labels["transformer_prefix"].startswith(_KMS_PREFIX) else otherwise
            into[plural(labels["resource"])] += int(sample.value)
    return dict(by_kms), dict(otherwise)


def judge_metrics(counts: WriteCounts, as_wanted: Mapping[str, int], otherwise: Mapping[str, int]) -> ScenarioResult:
    """Judge U04: kube-apiserver wrote each resource as wanted at least as often as etcd has it, and never otherwise.

    `as_wanted` and `otherwise` are its own counts. It transforms before it asks etcd, which refuses a write that comes
    too late: so it may count more.
    """
    written: Counter[str] = Counter()
    for resource, count in counts.as_wanted.items():
        written[plural(resource)] += count
    short = {name: count for name, count in written.items() if as_wanted.get(name, 0) < count}
    refused = sum(as_wanted.values()) - written.total()
    return METRICS.judged(
        [
            Proof("resources", str(len(written)), "at least 1", bool(written)),
            Proof(
                "values that kube-apiserver wrote as wanted",
                str(sum(as_wanted.values())),
                f"at least {written.total()}",
                refused >= 0,
            ),
            Proof("of these refused by etcd, and written again or not", str(refused), "any number", holds=True),
            _none("values that kube-apiserver wrote otherwise", sum(otherwise.values())),
            *(
                Proof(f"{name} written as wanted", str(as_wanted.get(name, 0)), f"at least {count}", holds=False)
                for name, count in short.items()
            ),
        ]
    )


def judge_plain(counts: WriteCounts) -> ScenarioResult:
    """Judge U03 of a run to compare with: nothing that etcd was ever given is encrypted."""
    return PLAIN_WRITES.judged(
        [
            Proof("values stored plain", str(counts.identity.total()), "at least 1", bool(counts.identity)),
            _none("values that are not", counts.problem_count),
            _complete(counts),
            *(Proof("not plain", problem, "plain", holds=False) for problem in counts.problems),
        ]
    )


def _complete(counts: WriteCounts) -> Proof:
    """Return whether the watch missed nothing: an empty etcd is at revision 1, and each later one changes a key."""
    changes, wanted = counts.written + counts.deleted, counts.revision - 1
    seen = f"{changes} ({counts.written} values, {counts.deleted} deletions) to revision {counts.revision}"
    return Proof("changes judged", seen, f"at least {max(wanted, 0)}", changes >= wanted)


def _none(what: str, count: int) -> Proof:
    return Proof(what, str(count), "0", count == 0)


def _short(message: str) -> str:
    return " ".join(message.split())[:_SHORT]
