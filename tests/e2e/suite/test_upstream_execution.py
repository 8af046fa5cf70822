"""Ginkgo beside a cluster, played by a script: what is left when a component dies, or nothing was run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.errors import InputError, ProcessError
from pipeline.harness.supervisor import Supervisor
from pipeline.suite.upstream.execution import execute_tests
from pipeline.suite.upstream.ginkgo import GinkgoRun, TestSelection

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]
# As ginkgo: a mark for each test that ended, and at an interruption the file with what ran until then.
RUNS_UNTIL_INTERRUPTED = """#!/bin/sh
for word; do case $word in --report-dir=*) folder=${word#*=};; esac; done
tell() {
  cat > "$folder/junit_01.xml" <<EOF
<testsuites><testsuite name="e2e">
<testcase name="[It] [sig-auth] one" status="passed" time="1"/>
<testcase name="[It] [sig-auth] two" status="interrupted" time="1"><error type="interrupted">by user</error></testcase>
</testsuite></testsuites>
EOF
  exit 130
}
trap tell INT
echo "•"
while :; do sleep 0.05; done
"""


@dataclass
class DiesAfterATest:
    """A component that dies, or a user who interrupts, once ginkgo has said that a test ended."""

    log: Path
    error: BaseException
    said: list[str] = field(default_factory=list)

    def assert_alive(self) -> None:
        if "•" in self.log.read_text():
            raise self.error


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor("upstream", logs=tmp_path / "logs") as own:
        yield own


def ginkgo(folder: Path, text: str) -> GinkgoRun:
    program = folder / "ginkgo"
    program.write_text(text)
    program.chmod(0o755)
    return GinkgoRun(folder, folder / "kubeconfig", folder / "report", folder / "private", TestSelection(), 1, nodes=2)


@pytest.mark.parametrize("error", [ProcessError("kube-apiserver ended on its own"), KeyboardInterrupt()], ids=type)
def test_the_tests_that_ran_are_known_when_a_run_ends_early(
    supervisor: Supervisor, tmp_path: Path, error: BaseException
) -> None:
    run = ginkgo(tmp_path, RUNS_UNTIL_INTERRUPTED)
    alive = DiesAfterATest(tmp_path / "logs" / "ginkgo.log", error)
    execution = execute_tests(run, supervisor, alive, 2, alive.said.append)
    assert {result.name: result.outcome.value for result in execution.results} == {
        "[sig-auth] one": "passed",
        "[sig-auth] two": "interrupted",
    }
    broken = isinstance(error, ProcessError)
    assert (execution.broken_by is error, execution.interrupted) == (broken, not broken)


def test_a_torn_file_does_not_hide_which_component_died(supervisor: Supervisor, tmp_path: Path) -> None:
    torn = "#!/bin/sh\nfor word; do case $word in --report-dir=*) f=${word#*=};; esac; done\n"
    torn += "echo '<testsuites><testsuite' > \"$f/junit_01.xml\"\ntrap 'exit 130' INT\n"
    torn += "echo •\nwhile :; do sleep 0.05; done\n"
    error = ProcessError("etcd ended on its own")
    run = ginkgo(tmp_path, torn)
    execution = execute_tests(run, supervisor, DiesAfterATest(tmp_path / "logs" / "ginkgo.log", error), 2, print)
    assert (execution.results, execution.broken_by) == ((), error)


def test_a_ginkgo_that_ends_without_a_result_is_an_error_with_its_last_lines(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    run = ginkgo(tmp_path, "#!/bin/sh\necho no such flag\nexit 2\n")
    alive = DiesAfterATest(tmp_path / "logs" / "ginkgo.log", AssertionError())
    with pytest.raises(InputError, match="without a result") as caught:
        execute_tests(run, supervisor, alive, 2, alive.said.append)
    assert "exit code 2" in str(caught.value.seen)
    assert "no such flag" in str(caught.value.seen)
