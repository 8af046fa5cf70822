"""Turns to start: no more at once than said, a dead holder's turn is free, and a deadline stands still."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import ExitStack
from uuid import uuid4

import pytest

from pipeline.harness.turns import turn

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="abstract socket names are Linux's"),
]

_HOLD = """
import sys
from pipeline.harness.turns import turn
with turn(sys.argv[1], most=1):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def names() -> str:
    return f"kms-e2e-test/{uuid4()}/{{}}"


def test_one_more_than_the_turns_waits_until_its_patience_ends(names: str) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            assert stack.enter_context(turn(names, most=2, timeout_s=30)) < 30
        assert stack.enter_context(turn(names, most=2, timeout_s=0.3)) >= 0.3


def test_a_turn_is_free_again_after_its_holder_was_killed(names: str) -> None:
    command = [sys.executable, "-c", _HOLD, names]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with turn(names, most=1, timeout_s=0.3) as waited_s:
            assert waited_s >= 0.3
        holder.kill()
        holder.wait()
        with turn(names, most=1, timeout_s=30) as waited_s:
            assert waited_s < 30


def test_the_timer_of_a_deadline_stands_still_during_the_wait(names: str) -> None:
    rang: list[int] = []
    handler = signal.signal(signal.SIGALRM, lambda number, _: rang.append(number))
    before = signal.setitimer(signal.ITIMER_REAL, 0.4)
    try:
        with turn(names, most=1), turn(names, most=1, timeout_s=1):
            assert rang == []
            assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)
        signal.signal(signal.SIGALRM, handler)
