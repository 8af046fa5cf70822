"""Upstream's test program: what a selection takes in, how ginkgo runs it, what its JUnit file says."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from junitparser import Attr, JUnitXml, TestCase

from pipeline.core.upstream import DEFAULT_FOCUS, DEFAULT_SKIP
from pipeline.errors import InputError, MachineError

E2E_TEST: Final = "e2e.test"
GINKGO: Final = "ginkgo"
_LIST_TIMEOUT_S: Final = 300.0
_SPEC: Final = "It"
_CASE_PREFIX: Final = f"[{_SPEC}] "
# Upstream's framework would fetch logs of nodes, dump every object on a failure and scrape components.
_QUIET: Final = (
    "--disable-log-dump=true",
    "--dump-logs-on-failure=false",
    "--gather-metrics-at-teardown=false",
    "--gather-suite-metrics-at-teardown=false",
)


class TestOutcome(StrEnum):
    """How one of upstream's tests ended; INTERRUPTED: the run ended before it did."""

    __test__ = False

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class TestSelection:
    """Which of upstream's tests: its own flags, as ginkgo takes them."""

    __test__ = False

    focus: str = DEFAULT_FOCUS
    skip: str = DEFAULT_SKIP
    label_filter: str = ""

    @classmethod
    def of(cls, focus: str | None, skip: str | None, label_filter: str = "") -> Self:
        """Return a selection with upstream's own focus and skip for what is None."""
        return cls(DEFAULT_FOCUS if focus is None else focus, DEFAULT_SKIP if skip is None else skip, label_filter)

    def flags(self, prefix: str = "--") -> list[str]:
        """Return ginkgo's flags; `prefix` is `--ginkgo.` for the test program itself."""
        named = (("focus", self.focus), ("skip", self.skip), ("label-filter", self.label_filter))
        return [f"{prefix}{name}={value}" for name, value in named if value]


@dataclass(frozen=True, slots=True)
class TestResult:
    """The end of one test: `message` is upstream's failure or reason to skip, `duration_s` in seconds."""

    __test__ = False

    name: str
    outcome: TestOutcome
    message: str = ""
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class GinkgoRun:
    """One call of ginkgo: binaries, kubeconfig, where upstream's files go, and how many tests run at a time.

    `leave_out` are full names of tests that are skipped on top of the selection; `private` is a folder for what
    tests write.
    """

    assets: Path
    kubeconfig: Path
    report: Path
    private: Path
    selection: TestSelection
    procs: int
    leave_out: Collection[str] = ()
    report_prefix: str = ""
    nodes: int = 0

    def argv(self) -> list[str]:
        """Return the command."""
        skips = [self.selection.skip] if self.selection.skip else []
        if self.leave_out:
            skips.append(f" (?:{'|'.join(re.escape(name) for name in sorted(self.leave_out))})$")
        selection = TestSelection(self.selection.focus, "|".join(skips), self.selection.label_filter)
        nodes = [f"--num-nodes={self.nodes}"] if self.nodes else []
        return [
            str(self.assets / GINKGO),
            f"--procs={self.procs}",
            "--no-color",
            "--silence-skips",
            "--timeout=24h",
            "--grace-period=10s",
            *selection.flags(),
            str(self.assets / E2E_TEST),
            "--",
            f"--kubeconfig={self.kubeconfig}",
            f"--kubectl-path={self.assets / 'kubectl'}",
            "--provider=skeleton",
            f"--report-dir={self.report}",
            f"--report-prefix={self.report_prefix}",
            f"--e2e-output-dir={self.private}",
            *nodes,
            *_QUIET,
        ]

    @property
    def junit(self) -> Path:
        """Return the JUnit file that upstream's framework writes."""
        return self.report / f"junit_{self.report_prefix}01.xml"


def select_tests(assets: Path, selection: TestSelection) -> tuple[str, ...]:
    """Return the full names of the tests that a selection takes in, by ginkgo's own dry run; no cluster is asked.

    Raises: InputError when the selection is none or takes in nothing; MachineError when the program does not run.
    """
    with tempfile.TemporaryDirectory(prefix="kms-e2e-") as folder:
        report = Path(folder) / "report.json"
        flags = [
            "--ginkgo.dry-run",
            "--ginkgo.no-color",
            f"--ginkgo.json-report={report}",
            *selection.flags("--ginkgo."),
        ]
        argv = [str(assets / E2E_TEST), *flags, "--provider=skeleton", "--kubeconfig=/dev/null"]
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, timeout=_LIST_TIMEOUT_S, check=False, cwd=folder
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MachineError("upstream's test program cannot be run", seen=str(error), where=argv[0]) from error
        names = tuple(sorted(_selected(report))) if report.is_file() else ()
    if done.returncode != 0 or not names:
        raise InputError(
            "the selection takes in none of upstream's tests",
            seen=f"{' '.join(selection.flags())}{_complaint(done)}",
            wanted="a focus, skip and label filter that leave a test",
            where="--focus, --skip, --label-filter",
            next_step=f"the default is --focus '{DEFAULT_FOCUS}' --skip '{DEFAULT_SKIP}'",
        )
    return names


def read_junit(path: Path) -> tuple[TestResult, ...]:
    """Return the results of the tests that ran; none when upstream's framework did not come to write the file.

    Raises: InputError when the file is no JUnit of upstream's.
    """
    if not path.is_file():
        return ()
    try:
        suites = JUnitXml.fromfile(str(path))
        cases = [_Case.fromelem(case) for suite in suites for case in suite]  # type: ignore[no-untyped-call]
    except Exception as error:  # junitparser lets through whatever its XML library raises
        raise InputError("not a JUnit file of upstream's tests", seen=str(error)[:300], where=str(path)) from error
    return tuple(filter(None, map(_result, cases)))


class _Case(TestCase):
    """A test case with ginkgo's own word for how it ended."""

    status = Attr("status")


def _result(case: _Case) -> TestResult | None:
    """Return a test's result; None for the suite's own preparation, and for what the selection leaves out."""
    name, status = str(case.name), str(case.status)
    details = [found for found in case.result if (found.text or found.message or "skipped") != "skipped"]
    if not name.startswith(_CASE_PREFIX) or (status == TestOutcome.SKIPPED and not details):
        return None
    outcome = TestOutcome(status) if status in set(TestOutcome) else TestOutcome.FAILED  # panicked, timedout, aborted
    message = next((str(found.text or found.message) for found in details), "")
    return TestResult(name.removeprefix(_CASE_PREFIX), outcome, message.strip(), float(case.time or 0.0))


def _selected(report: Path) -> Iterator[str]:
    for suite in json.loads(report.read_text(encoding="utf-8")):
        for spec in suite["SpecReports"] or ():
            if spec["LeafNodeType"] == _SPEC and spec["State"] == "passed":
                yield " ".join([*(spec["ContainerHierarchyTexts"] or ()), spec["LeafNodeText"]])


def _complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Return what ginkgo finds wrong with a flag: a panic's message, or the line below `Syntax Error`."""
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    told = [line for line in lines if "error parsing" in line or "Syntax Error" in line or "operand" in line]
    return f": {'; '.join(told or lines[:1])[:300]}" if done.returncode != 0 and lines else ""
