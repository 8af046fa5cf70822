"""The labelled corpus: the rules may be tuned on `development`, never on `holdout`."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[4]
CORPUS = ROOT / "tests" / "corpus"


@pytest.fixture(scope="module")
def measure() -> ModuleType:
    spec = importlib.util.spec_from_file_location("corpus_measure", CORPUS / "measure.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_development_corpus_is_found_whole_and_without_false_alarms(measure: ModuleType) -> None:
    figures = measure.measure(CORPUS / "development")
    assert figures.files >= 60
    assert (figures.false, figures.missed, figures.wrong_truth) == ([], [], [])


def test_the_holdout_keeps_its_floor(measure: ModuleType) -> None:
    figures = measure.measure(CORPUS / "holdout")
    assert (figures.cases, figures.real) == (27, 27)
    assert figures.clean >= 10
    assert figures.noisy_clean == []
    assert figures.wrong_truth == []
    assert figures.precision >= 0.95
    assert figures.recall >= 0.95


def test_every_case_of_the_holdout_names_its_repository_commit_and_paths(measure: ModuleType) -> None:
    for case in measure.load(CORPUS / "holdout"):
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", case.header["repository"]), case.name
        assert re.fullmatch(r"[0-9a-f]{40}", case.header["commit"]), case.name
        assert case.header["modelled_on"], case.name


def test_labels_stand_in_their_files(measure: ModuleType) -> None:
    for folder in measure.SETS:
        for case in measure.load(CORPUS / folder):
            for file, line, _ in case.labels:
                text = case.files.get(case.links.get(file, file))
                assert text is not None, (case.name, file)
                assert 1 <= line <= len(text.splitlines()), (case.name, file, line)


def test_a_case_that_is_not_found_shows_in_the_figures(measure: ModuleType, tmp_path: Path) -> None:
    header = 'truth = "1.26.3"\n[[finding]]\nfile = "Dockerfile"\nline = 2\nrule = "drift"\nwhy = "x"\n'
    body = "-- .go-version --\n1.26.3\n-- Dockerfile --\nFROM golang:1.26.2\nFROM golang:1.26.3\n"
    (tmp_path / "wrong.txtar").write_text(header + body, encoding="utf-8")
    figures = measure.measure(tmp_path)
    assert (figures.right, len(figures.false), len(figures.missed)) == (0, 1, 1)
    assert (figures.precision, figures.recall) == (0.0, 0.0)


def test_the_documentation_gives_the_measured_figures(measure: ModuleType) -> None:
    text = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    for name, figures in measure.rows():
        assert measure.line(name, figures) in text


def test_the_two_kinds_of_development_cases_add_up(measure: ModuleType) -> None:
    whole = measure.measure(CORPUS / "development")
    named, made_up = (measure.measure(CORPUS / "development", named=named) for named in (True, False))
    assert (named.cases, named.real, made_up.real) == (10, 10, 0)
    assert (named.cases + made_up.cases, named.right + made_up.right) == (whole.cases, whole.right)
