"""Upstream's tests: how ginkgo is called, what its JUnit says, what the list of those that need a node decides."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pipeline.containers.suite import UpstreamSelection
from pipeline.core.kubernetes import DEFAULT_RELEASE
from pipeline.core.result import Outcome
from pipeline.core.upstream import NEEDS_A_NODE, UpstreamReport, UpstreamTest
from pipeline.errors import InputError
from pipeline.suite.upstream.execution import Execution
from pipeline.suite.upstream.ginkgo import GinkgoRun, TestOutcome, TestResult, TestSelection, read_junit
from pipeline.suite.upstream.judge import judge_list, judge_tests
from pipeline.suite.upstream.needs_a_node import (
    FOLDER,
    Need,
    NeedClass,
    NodeList,
    candidates,
    classify,
    list_of_report,
    read_node_list,
)
from pipeline.suite.upstream.plan import Plan
from pipeline.suite.upstream.tables import upstream_report

RUNS = "[sig-auth] ServiceAccounts should do it [Conformance]"
NEEDS = "[sig-node] Pods (extended) should run a command a|b [Conformance]"
NOTHING = "[sig-network] Proxy passes always [Conformance]"
LISTED = NodeList("v1.37.2", {NEEDS: Need(NeedClass.EXEC, "no exec")}, frozenset({RUNS}), {NOTHING: "asserts nothing"})
JUNIT = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="6"><testsuite name="Kubernetes e2e suite" tests="6">
<testcase name="[SynchronizedBeforeSuite] " classname="x" status="passed" time="1"></testcase>
<testcase name="[It] [sig-auth] passes" classname="x" status="passed" time="1.5"></testcase>
<testcase name="[It] [sig-auth] fails" classname="x" status="failed" time="2">
<failure message="" type="failed">[FAILED] no pod&#xA;In [It] at: x.go:1 @ 11/24/26 11:47:27.509</failure></testcase>
<testcase name="[It] [sig-auth] panics" classname="x" status="panicked" time="2">
<error message="" type="panicked">[PANICKED] nil</error></testcase>
<testcase name="[It] [sig-auth] cut short" classname="x" status="interrupted" time="2">
<error message="" type="interrupted">[INTERRUPTED] by user</error></testcase>
<testcase name="[It] [sig-auth] not selected" classname="x" status="skipped" time="0">
<skipped message="skipped"></skipped></testcase>
<testcase name="[It] [sig-auth] skips itself" classname="x" status="skipped" time="0">
<skipped message="skipped - needs 3 nodes"></skipped></testcase>
</testsuite></testsuites>
"""


def passed(name: str) -> TestResult:
    return TestResult(name, TestOutcome.PASSED)


def failed(name: str, message: str = "broken") -> TestResult:
    return TestResult(name, TestOutcome.FAILED, message)


def test_junit_gives_each_test_that_was_chosen_with_ginkgos_word(tmp_path: Path) -> None:
    path = tmp_path / "junit_01.xml"
    path.write_text(JUNIT)
    found = {result.name: result for result in read_junit(path)}
    assert {name: result.outcome.value for name, result in found.items()} == {
        "[sig-auth] passes": "passed",
        "[sig-auth] fails": "failed",
        "[sig-auth] panics": "failed",
        "[sig-auth] cut short": "interrupted",
        "[sig-auth] skips itself": "skipped",
    }
    assert found["[sig-auth] fails"].message.startswith("[FAILED] no pod")
    assert found["[sig-auth] skips itself"].message == "skipped - needs 3 nodes"
    assert found["[sig-auth] passes"].duration_s == 1.5


def test_no_junit_is_no_result_and_a_torn_one_is_an_error(tmp_path: Path) -> None:
    assert read_junit(tmp_path / "absent.xml") == ()
    torn = tmp_path / "junit_01.xml"
    torn.write_text(JUNIT[:300])
    with pytest.raises(InputError, match="not a JUnit file"):
        read_junit(torn)


def test_tests_that_need_a_node_are_left_out_by_their_whole_name() -> None:
    run = GinkgoRun(
        Path("/assets"), Path("/kubeconfig"), Path("/report"), Path("/private"), TestSelection(), 4, (NEEDS,), "kms_"
    )
    (skip,) = [word.removeprefix("--skip=") for word in run.argv() if word.startswith("--skip=")]
    assert re.search(skip, f"Kubernetes e2e suite {NEEDS}")
    assert re.search(skip, "Kubernetes e2e suite [sig-x] one [Serial]")
    assert not re.search(skip, f"Kubernetes e2e suite {NEEDS} [Slow]")
    assert not re.search(skip, f"Kubernetes e2e suite {RUNS}")
    assert run.junit == Path("/report/junit_kms_01.xml")


def test_a_selection_is_given_in_upstreams_flags() -> None:
    assert TestSelection("a", "", "b && !c").flags("--ginkgo.") == ["--ginkgo.focus=a", "--ginkgo.label-filter=b && !c"]


def test_passes_when_every_planned_test_passed() -> None:
    result = judge_tests([RUNS], [passed(RUNS)], LISTED)
    assert (result.id, result.outcome) == ("U01", Outcome.PASSED)


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        ([failed(RUNS)], "tests that failed and are not on the list: saw 1"),
        ([], "tests that were planned and did not end: saw 1"),
        ([TestResult(RUNS, TestOutcome.INTERRUPTED)], "did not end: saw 1"),
        ([TestResult(RUNS, TestOutcome.SKIPPED, "no")], "tests that passed, or failed as listed: saw 0"),
    ],
)
def test_fails_naming_what_did_not_pass(results: list[TestResult], reason: str) -> None:
    result = judge_tests([RUNS], results, LISTED)
    assert result.outcome is Outcome.FAILED
    assert reason in result.reason


def test_a_failure_on_the_list_is_no_failure_and_a_pass_is_one_of_the_list() -> None:
    existing = {RUNS, NEEDS, NOTHING}
    assert judge_tests([RUNS, NEEDS], [passed(RUNS), failed(NEEDS)], LISTED).outcome is Outcome.PASSED
    assert judge_list(existing, [passed(RUNS), failed(NEEDS)], LISTED).outcome is Outcome.PASSED
    for message, alike in (("[FAILED] no exec\nIn [It] at: a.go:1 @ now", "1"), ("another", "0")):
        proofs = {proof.name: proof for proof in judge_list(existing, [failed(NEEDS, message)], LISTED).proofs}
        assert proofs["tests on the list that failed again"].observed == "1"
        assert proofs["of these with the very failure of the list"].observed == alike
    wrong = judge_list(existing, [passed(RUNS), passed(NEEDS)], LISTED)
    assert wrong.outcome is Outcome.FAILED
    assert NEEDS in wrong.reason


def test_only_failures_of_the_list_are_what_was_expected_of_it() -> None:
    assert judge_tests([NEEDS], [failed(NEEDS)], LISTED).outcome is Outcome.PASSED
    assert judge_tests([NEEDS], [failed(NEEDS), failed(RUNS)], LISTED).outcome is Outcome.FAILED


def test_a_report_notes_what_the_list_does_not_know_and_nothing_without_a_list() -> None:
    def notes(listed: NodeList) -> tuple[str, ...]:
        plan = Plan("v1.37.3", (RUNS,), listed, (RUNS, NEEDS, "new"))
        run = GinkgoRun(Path("/a"), Path("/k"), Path("/r"), Path("/p"), TestSelection(), 1)
        return upstream_report(plan, run, Execution((), 1.0)).notes

    assert notes(LISTED) == (
        "appeared, and is not on the list of v1.37.2: new",
        f"disappeared, and is on the list of v1.37.2: {NOTHING}",
    )
    assert notes(NodeList("v1.37.3")) == notes(NodeList("")) == ()


def test_an_empty_focus_or_skip_reaches_the_suite_in_a_container() -> None:
    assert UpstreamSelection(r"\[Serial\]", "").words == ("--suite=upstream", r"--focus=\[Serial\]", "--skip=")
    assert UpstreamSelection().words == ("--suite=upstream", r"--focus=\[Conformance\]", r"--skip=\[Serial\]")


def test_an_entry_without_a_test_fails_the_list() -> None:
    wrong = judge_list({RUNS}, [passed(RUNS)], LISTED)
    assert "this Kubernetes does not have: saw 1" in wrong.reason


def test_a_test_that_appears_or_disappears_is_noticed() -> None:
    assert LISTED.appeared([RUNS, NEEDS, NOTHING, "new"]) == ("new",)
    assert LISTED.disappeared([RUNS]) == tuple(sorted((NEEDS, NOTHING)))


def test_candidates_keep_a_class_that_somebody_assigned_and_what_did_not_run() -> None:
    beta = "[sig-apps] Job restarts [Beta]"
    before = NodeList("v1.37.1", {NEEDS: Need(NeedClass.KUBELET, "old"), "other": Need(NeedClass.DNS, "x")})
    found = candidates(
        "v1.37.2", [failed(NEEDS, "[FAILED] new\nIn [It] at: a.go:1 @ now"), passed(RUNS), passed(beta)], before
    )
    assert found.needs == {NEEDS: Need(NeedClass.KUBELET, "new"), "other": Need(NeedClass.DNS, "x")}
    assert found.runs == {RUNS}
    assert RUNS in candidates("v1.37.2", [failed(RUNS)], found).needs
    assert NEEDS not in candidates("v1.37.2", [passed(NEEDS)], found).needs


def test_captured_failures_hold_nothing_of_the_machine() -> None:
    message = "[FAILED] running /opt/x/bin/kubectl --kubeconfig=/tmp/kms-1/admin.conf: 0xc000123 \x1b[1mbad\x1b[0m"
    (need,) = candidates("v1", [failed("a [Conformance]", message)], NodeList("")).needs.values()
    assert need.failure == "running kubectl --kubeconfig=admin.conf: 0x… bad"


@pytest.mark.parametrize(
    ("name", "failure", "kind"),
    [
        ("[sig-api-machinery] AdmissionWebhook should", "timed out", NeedClass.WEBHOOK),
        ("[sig-network] DNS should", "timed out", NeedClass.DNS),
        ("[sig-node] Pods should", "failed to execute command in pod", NeedClass.EXEC),
        ("[sig-auth] X should", "failed to get pod logs", NeedClass.LOGS),
        ("[sig-network] Services should", "service is not reachable within 2m0s", NeedClass.NETWORK),
        ("[sig-storage] EmptyDir should", "expected pod success", NeedClass.VOLUME),
        ("[sig-other] X", "something", NeedClass.UNKNOWN),
    ],
)
def test_rules_guess_a_class(name: str, failure: str, kind: NeedClass) -> None:
    assert classify(name, failure) is kind


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_lists_are_reviewed_and_say_each_test_once(path: Path) -> None:
    listed = read_node_list(path.stem)
    assert listed.kubernetes.startswith(f"v{path.stem}.")
    assert listed.to_json() == path.read_text(encoding="utf-8")
    assert {need.kind for need in listed.needs.values()} <= set(NeedClass) - {NeedClass.UNKNOWN}
    assert all("[Conformance]" in name for name in listed.known)
    assert all(need.failure for need in listed.needs.values())
    assert len(listed.known) == len(listed.needs) + len(listed.runs) + len(listed.proves_nothing)


def test_the_newest_kubernetes_has_a_list() -> None:
    assert read_node_list(DEFAULT_RELEASE.minor).runs
    assert read_node_list("1.1") == NodeList("")


def test_a_list_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "1.9.json").write_text('{"needs": {"a": {}}}')
    with pytest.raises(InputError, match=r"1\.9\.json"):
        read_node_list("1.9", tmp_path)


def test_the_list_of_a_report_is_that_of_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no report of upstream's tests"):
        list_of_report(tmp_path)
    (tmp_path / "provenance.json").write_text(json.dumps({"kubernetes": "v1.9.3"}))
    (tmp_path / "junit_kms_01.xml").write_text(JUNIT)  # ours, of which nothing is taken
    (tmp_path / "junit_01.xml").write_text(JUNIT.replace('" classname', ' [Conformance]" classname'))
    found, minor = list_of_report(tmp_path)
    assert (minor, found.kubernetes, set(found.runs)) == ("1.9", "v1.9.3", {"[sig-auth] passes [Conformance]"})
    assert set(found.needs) == {"[sig-auth] fails [Conformance]", "[sig-auth] panics [Conformance]"}


def test_the_table_has_a_row_a_group_and_one_of_totals() -> None:
    tests = (
        UpstreamTest("[sig-auth] a", "passed"),
        UpstreamTest("[sig-auth] b", NEEDS_A_NODE),
        UpstreamTest("[sig-node] c", "skipped"),
        UpstreamTest("no group", "failed"),
    )
    rows = UpstreamReport("v1", "", "", "", 1, 1.0, tests).rows()
    assert [(row.sig, row.passed, row.failed, row.needs_a_node, row.other) for row in rows] == [
        ("other", 0, 1, 0, 0),
        ("sig-auth", 1, 0, 1, 0),
        ("sig-node", 0, 0, 0, 1),
        ("all", 1, 1, 1, 1),
    ]
    assert rows[-1].total == len(tests)
