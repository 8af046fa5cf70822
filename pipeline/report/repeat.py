"""The command that runs one scenario of a report again."""

from __future__ import annotations

import shlex
from typing import Final

from pipeline.core.result import RunReport

_PROBED: Final = "unix:"
"""How the name of a plugin begins that was probed where it runs: its address. The suite's own plugins have names."""

_SUITES: Final = {"U05": "cost"}
_UPSTREAM: Final = "U"
"""The ids of the checks on upstream's tests and on the cost begin so; they are run as a whole."""


def command_again(run: RunReport, scenario: str) -> str:
    """Return the command for a scenario's id: of a probed plugin the probe, of another suite that suite."""
    if run.plugin.startswith(_PROBED):
        return f"kms-e2e probe {shlex.quote(run.plugin)}"
    if scenario.startswith(_UPSTREAM):
        return f"kms-e2e run --suite {_SUITES.get(scenario, 'upstream')}"
    return f"kms-e2e run --id {scenario}"
