"""The fixture of family A: a client of the plugin under test."""

from __future__ import annotations

import pytest

from pipeline.harness.kms import KmsClient
from pipeline.harness.plugin import Plugin


@pytest.fixture
def kms_client(kms_plugin: Plugin) -> KmsClient:
    """Return a client of the running plugin under test."""
    return kms_plugin.client
