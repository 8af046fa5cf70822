"""Unit tests are quick and touch nothing outside: no network socket, no process."""

from __future__ import annotations

import socket
import subprocess
from typing import NoReturn

import hypothesis
import pytest
from hypothesis import settings

# A busy machine must not fail a test: none of them asserts a time.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")

# No test asserts a time: on a busy machine the same example takes ten times as long.
hypothesis.settings.register_profile("kms-e2e", deadline=None)
hypothesis.settings.load_profile("kms-e2e")

hypothesis.settings.register_profile("any machine", deadline=None)  # a busy machine makes no test fail
hypothesis.settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def nothing_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a connection or a process in a unit test an error that says where it belongs."""

    def refuse(*_: object, **__: object) -> NoReturn:
        pytest.fail("a unit test opened a socket or started a process; it belongs into tests/e2e")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "bind", refuse)
    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
