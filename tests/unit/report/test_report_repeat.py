from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.report.repeat import command_again
from tests.unit.report.sample import sample_run


@pytest.mark.parametrize(
    ("plugin", "scenario", "command"),
    [
        ("reference", "A08", "kms-e2e run --id A08"),
        ("unix:///run/kms.sock", "A08", "kms-e2e probe unix:///run/kms.sock"),
        ("unix:///@a b", "A08", "kms-e2e probe 'unix:///@a b'"),
        ("reference", "U03", "kms-e2e run --suite upstream"),
        ("reference", "U05", "kms-e2e run --suite cost"),
    ],
)
def test_the_command_runs_what_was_run(plugin: str, scenario: str, command: str) -> None:
    assert command_again(replace(sample_run(), plugin=plugin), scenario) == command
