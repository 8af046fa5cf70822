from __future__ import annotations

import pytest

from pipeline.core.suite_exit import killed_by, passable, signal_name


@pytest.mark.parametrize(
    ("code", "passed_on", "number"),
    [(0, 0, 0), (1, 1, 0), (3, 3, 0), (127, 127, 0), (-9, 201, 9), (137, 201, 9), (143, 207, 15), (-64, 255, 63)],
)
def test_a_death_by_signal_gets_a_code_that_dagger_takes(code: int, passed_on: int, number: int) -> None:
    assert passable(code) == passed_on
    assert killed_by(passed_on) == number


def test_no_code_is_one_that_dagger_refuses() -> None:
    assert not {passable(code) for code in range(-64, 256)} & set(range(128, 192))


def test_a_signal_has_its_name() -> None:
    assert signal_name(9) == "signal 9 (SIGKILL)"
    assert signal_name(50) == "signal 50"
