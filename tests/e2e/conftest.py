"""Fixtures of the tests that start real processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def assets() -> Path:
    """Return the folder of binaries, built by `kms-e2e build` or named by KMS_E2E_ASSETS."""
    folder = Path(os.environ.get("KMS_E2E_ASSETS", "_artifacts/assets"))
    if not (folder / "plugin.json").is_file():
        pytest.fail(f"no binaries in {folder}: run `kms-e2e build` first, or name a folder by KMS_E2E_ASSETS")
    return folder
