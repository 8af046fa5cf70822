from __future__ import annotations

import pytest

from pipeline.suite.failure.steps import longest_redial_s


def test_the_longest_wait_for_a_dial_covers_grpcs_own_schedule() -> None:
    """Whatever the jitter, the wait under way when the socket comes back is never longer than said."""
    short, long = 0.8, 1.2
    passed, wait = 0.0, 1.0
    while wait < 120:
        assert longest_redial_s(passed) >= long * wait - 1e-9
        passed += short * wait
        wait *= 1.6


def test_the_wait_is_bounded_by_grpcs_maximum() -> None:
    assert longest_redial_s(100_000) == pytest.approx(144)
