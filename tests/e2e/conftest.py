"""Fixtures of the tests that start real processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let what the tests start see Ctrl-C and a hang-up, which are ignored for what runs in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def assets() -> Path:
    """Return the folder of binaries, built by `kms-e2e build` or named by KMS_E2E_ASSETS."""
    folder = Path(os.environ.get("KMS_E2E_ASSETS", "_artifacts/assets"))
    if not (folder / "plugin.json").is_file():
        pytest.fail(f"no binaries in {folder}: run `kms-e2e build` first, or name a folder by KMS_E2E_ASSETS")
    return folder
