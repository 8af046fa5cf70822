from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.core.result import Level, Subject
from pipeline.errors import InputError
from pipeline.suite.scenario import Scenario, Twin
from pipeline.suite.selection import Selection, Shard, parse_shard


def entry(name: str, **changes: object) -> Scenario:
    base = Scenario(
        id=name,
        title=f"title of {name}",
        level=Level.SHOULD,
        source="",
        subject=Subject.PLUGIN,
        twin=Twin(breaks="it", reason="it"),
    )
    return replace(base, **changes)  # type: ignore[arg-type] # the fields are the test's to choose


CATALOGUE = [
    entry("A01"),
    entry("A02", plane="shared"),
    entry("B18", plane="shared"),
    entry("C34b", components=("kube-controller-manager",)),
    entry("D42", fast=False),
    entry("D79", fast=False, soak=True),
]


def ids(selection: Selection) -> list[str]:
    return [item.id for item in selection.choose(CATALOGUE)]


def test_everything_but_soak_by_default() -> None:
    assert ids(Selection()) == ["A01", "A02", "B18", "C34b", "D42"]


def test_a_selection_is_shown_by_its_options() -> None:
    with pytest.raises(InputError) as caught:
        ids(Selection(families=("wire",), focus="no such words", fast=True, shard=Shard(1, 2)))
    assert caught.value.seen == "--family wire --focus 'no such words' --fast --shard 1/2"


def test_soak_takes_in_what_runs_for_minutes() -> None:
    assert ids(Selection(soak=True)) == ["A01", "A02", "B18", "C34b", "D42", "D79"]


def test_fast_leaves_out_what_waits() -> None:
    assert ids(Selection(fast=True)) == ["A01", "A02", "B18"]


def test_fast_leaves_out_what_needs_a_program_that_is_not_built_for_the_main_job() -> None:
    assert [entry.id for entry in CATALOGUE if entry.fast and not entry.in_fast_tier] == ["C34b"]


def test_a_named_id_is_taken_whatever_its_tier() -> None:
    assert ids(Selection(ids=("D79", "A01"), fast=True)) == ["A01", "D79"]


@pytest.mark.parametrize("family", ["b", "B", "encryption", "Encryption"])
def test_a_family_by_letter_or_name(family: str) -> None:
    assert ids(Selection(families=(family,))) == ["B18"]


def test_focus_and_skip_search_id_and_title() -> None:
    assert ids(Selection(focus="title of A", skip="A02")) == ["A01"]


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection(ids=("A1",)), "A01"),
        (Selection(families=("Q",)), "wire"),
        (Selection(focus="("), "regular expression"),
        (Selection(focus="no such words"), "no scenario is selected"),
    ],
)
def test_a_selection_that_cannot_be_is_an_error_with_the_way_out(selection: Selection, words: str) -> None:
    with pytest.raises(InputError) as caught:
        selection.choose(CATALOGUE)
    assert words in str(caught.value)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_are_a_partition_that_keeps_planes_together(count: int) -> None:
    shards = []
    for number in range(1, count + 1):
        try:
            shards.append(ids(Selection(shard=Shard(number, count))))
        except InputError:
            shards.append([])
    assert sorted(name for shard in shards for name in shard) == ["A01", "A02", "B18", "C34b", "D42"]
    assert any({"A02", "B18"} <= set(shard) for shard in shards)


def test_a_new_scenario_moves_no_other_to_another_shard() -> None:
    before = {item.id for item in Selection(shard=Shard(1, 2)).choose(CATALOGUE)}
    after = {item.id for item in Selection(shard=Shard(1, 2)).choose([*CATALOGUE, entry("A99"), entry("E50")])}
    assert before == after - {"A99", "E50"}


def test_a_shard_is_two_numbers() -> None:
    assert parse_shard("2/4") == Shard(2, 4)


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/2", "1/99999"])
def test_other_shards_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a shard"):
        parse_shard(text)
