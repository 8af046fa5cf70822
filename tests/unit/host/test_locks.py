"""A lock has one holder, and who waits says for whom."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.errors import DeadlineError
from pipeline.host.locks import exclusive, exclusive_if_free, shared


def ignore(_text: str) -> None:
    """Nobody listens."""


def test_the_second_says_for_whom_it_waits_and_gives_up_at_the_deadline(tmp_path: Path) -> None:
    said: list[str] = []
    with (
        exclusive(tmp_path / "lock", "building etcd", waiting=ignore),
        pytest.raises(DeadlineError) as caught,
        exclusive(tmp_path / "lock", "building etcd too", waiting=said.append, timeout_s=0.0),
    ):
        pytest.fail("two held the lock")
    assert said[0].startswith(f"waiting for another run: process {os.getpid()}, building etcd, since ")
    assert caught.value.where == str(tmp_path / "lock")


def test_a_lock_is_free_again_after_its_holder_failed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path / "lock", "failing", waiting=ignore):
        raise ZeroDivisionError
    with exclusive(tmp_path / "lock", "going on", waiting=pytest.fail, timeout_s=0.0):
        assert b"going on" in (tmp_path / "lock").read_bytes()


def test_builders_share_what_trimming_needs_alone(tmp_path: Path) -> None:
    with shared(tmp_path / "go"), shared(tmp_path / "go"), exclusive_if_free(tmp_path / "go") as alone:
        assert alone is False
    with exclusive_if_free(tmp_path / "go") as alone:
        assert alone is True
