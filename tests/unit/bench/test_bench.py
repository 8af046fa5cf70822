"""The benchmark's arithmetic; nothing is timed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench.audit_tree import make_tree
from bench.costs import large_run
from bench.dagger import steps
from bench.processes import PAGE_BYTES, Resident, parse_stat, tree
from bench.reliability import Row as Ended
from bench.statistics import Row, markdown, pair_ratios, spread
from bench.traces import _FOLDER, Left
from pipeline.host.audit import audit_tree


def test_spread_is_median_and_range() -> None:
    assert spread([3.0, 1.0, 2.0, 10.0]).seconds() == "2.50 s (1.00 to 10.00, n=4)"


def test_no_sample_is_no_result() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])


def test_ratios_are_taken_pair_by_pair() -> None:
    assert pair_ratios([1.0, 6.0], [2.0, 3.0]) == (0.5, 2.0)
    with pytest.raises(ValueError, match="shorter"):
        pair_ratios([1.0, 2.0], [1.0])


def test_a_table_has_a_line_a_row() -> None:
    assert markdown([Row("start", "2 s", "once")]).splitlines()[2:] == ["| start | 2 s | once |"]


def test_a_process_may_have_brackets_and_spaces_in_its_name() -> None:
    fields = ["S", "7", *["0"] * 19, "3", "0"]
    assert parse_stat(f"42 (a) (b c) {' '.join(fields)}") == Resident(42, 7, "a) (b c", 3 * PAGE_BYTES)


def test_a_tree_holds_descendants_and_nobody_else() -> None:
    everybody = [Resident(pid, parent, "x", 1) for pid, parent in ((4, 3), (3, 2), (2, 1), (9, 1))]
    assert sorted(process.pid for process in tree(everybody, 2)) == [2, 3, 4]


def test_the_generated_inputs_have_the_size_that_is_claimed(tmp_path: Path) -> None:
    run = large_run()
    assert (len(run.scenarios), len(run.planned), len(run.calls)) == (100, 100, 20_000)
    assert len({item.id for item in run.scenarios}) == 100
    make_tree(tmp_path, 200)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert (len(files), sum(path.suffix == ".Dockerfile" for path in files)) == (200, 6)
    audit = audit_tree(tmp_path)
    assert (audit.files, audit.truth.file) == (36, ".go-version")
    assert [finding.rule.value for finding in audit.findings] == ["drift"] * 6


def test_steps_of_daggers_progress_are_read_as_seconds() -> None:
    progress = """1   : connect DONE [2.4s]
5   : load workspace: . DONE [1m51s]
18  : ┆ File.contents DONE [0.0s]
471 : Kms.report DONE [1h4m52s] (21.6% dropped)
"""
    assert steps(progress) == {"connect": 2.4, "load workspace: .": 111.0, "Kms.report": 3892.0}


@pytest.mark.parametrize(
    ("left", "right", "passed"),
    [
        (Left(0, 0, 0, 0, 0), True, True),
        (Left(0, 0, 0, 0, 0), False, False),  # a run that dies at once leaves nothing either
        (Left(0, 0, 0, 0, 1), True, False),
        (None, True, True),
        (None, False, False),
    ],
)
def test_a_row_of_reliability_passes_by_exit_codes_and_by_what_is_left(
    left: Left | None, right: bool, passed: bool
) -> None:
    assert Ended("x", Counter({0: 1}), left, 1.0, "", right=right).passed is passed


def test_what_was_not_measured_is_no_zero() -> None:
    cells = Ended("the cache", Counter(), None, 3.0, "4 of 4", right=True).cells()
    assert cells == "| the cache | - | - | - | - | - | - | 3 s | 4 of 4 |"
    cells = Ended("two", Counter({0: 1, -9: 1}), Left(0, 1, 2, 3, 4), 3.0, "", right=True).cells()
    assert cells == "| two | 1 x -9, 1 x 0 | 0 | 1 | 2 | 3 | 4 | 3 s |  |"


def test_a_folder_is_known_by_its_whole_path() -> None:
    assert _FOLDER.findall("etcd --data-dir=/var/tmp/kms-ab/x /tmp/kms-cd/y") == ["/var/tmp/kms-ab", "/tmp/kms-cd"]
