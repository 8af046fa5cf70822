from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipeline.core.result import Artifact, NotRun, Outcome, RunReport
from pipeline.errors import InputError
from pipeline.report.evidence import append_result, begin_report
from tests.e2e.mutants.results import Results, forget, next_folder, note, read_all
from tests.unit.report.sample import blank, sample_run

RUN = sample_run()
FIRST, SECOND = (item for item in RUN.scenarios if item.id in ("A02", "B19"))


def write(folder: Path, run: RunReport, names: list[str], outcomes: dict[str, Outcome]) -> None:
    scenarios = tuple(dataclasses.replace(blank(item), reason=NotRun.INTERRUPTED) for item in (FIRST, SECOND))
    begin_report(folder, dataclasses.replace(run, planned=("A02", "B19"), scenarios=scenarios))
    for item in (FIRST, SECOND):
        if item.id in outcomes:
            append_result(folder, dataclasses.replace(item, outcome=outcomes[item.id]))
    note(folder, names)


def test_pieces_are_put_together_and_the_later_result_counts(tmp_path: Path) -> None:
    later = dataclasses.replace(RUN, started_at=RUN.started_at + 60)
    write(next_folder(tmp_path, "healthy"), RUN, [], {"A02": Outcome.PASSED, "B19": Outcome.PASSED})
    write(next_folder(tmp_path, "round"), later, ["A02-1", "B19-2"], {"A02": Outcome.FAILED, "B19": Outcome.FAILED})
    write(next_folder(tmp_path, "round"), RUN, ["A02-1", "B19-1"], {"A02": Outcome.PASSED, "B19": Outcome.FAILED})
    found = read_all(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["01-healthy", "02-round", "03-round"]
    assert sorted(found.healthy) == ["A02", "B19"]
    assert {name: result.outcome for name, result in found.mutants.items()} == {
        **dict.fromkeys(("A02-1", "B19-1", "B19-2"), Outcome.FAILED)
    }
    assert len(found.reports) == 3


def test_what_was_interrupted_has_no_result(tmp_path: Path) -> None:
    write(tmp_path / "01-round", RUN, ["A02-1", "B19-1"], {"A02": Outcome.FAILED})
    assert list(read_all(tmp_path).mutants) == ["A02-1"]


def test_a_run_that_never_began_and_one_that_is_forgotten_do_not_count(tmp_path: Path) -> None:
    note(tmp_path / "01-healthy", [])
    assert read_all(tmp_path).reports == []
    write(tmp_path / "02-round", RUN, ["A02-1", "B19-1"], {"A02": Outcome.FAILED})
    forget(tmp_path)
    assert read_all(tmp_path).reports == []


PLUGIN = Artifact("kms-plugin", "1" * 64)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (dataclasses.replace(RUN, artifacts=(Artifact("kms-plugin", "2" * 64),)), "kms-plugin 111111111111 and 2222"),
        (dataclasses.replace(RUN, artifacts=(PLUGIN,), suite_version="0.2.0"), r"suite .* and 0\.2\.0"),
        (dataclasses.replace(RUN, artifacts=(PLUGIN,), kubernetes="v1.30.0"), r"Kubernetes .* and v1\.30\.0"),
    ],
)
def test_mutants_are_not_judged_by_another_healthy_plugin(other: RunReport, named: str) -> None:
    results = Results()
    results.add(dataclasses.replace(RUN, artifacts=(PLUGIN,)), ())
    with pytest.raises(InputError, match=named):
        results.add(other, ["A02-1"])


def test_a_binary_that_only_one_run_was_given_does_not_part_them() -> None:
    results = Results()
    results.add(dataclasses.replace(RUN, artifacts=(PLUGIN,)), ())
    results.add(dataclasses.replace(RUN, artifacts=(PLUGIN, Artifact("kube-controller-manager", "3" * 64))), ["A02-1"])
    results.add(dataclasses.replace(RUN, artifacts=(), kubernetes=""), ["A02-2"])  # ended before it knew
    assert len(results.reports) == 3
