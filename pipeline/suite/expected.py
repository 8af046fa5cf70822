"""Scenarios that the plugin's author expects to fail, `[expected]` in kms-e2e.toml."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from pipeline.core.plugin_spec import PluginSpec
from pipeline.core.result import Outcome, RunReport
from pipeline.errors import InputError
from pipeline.suite.scenario import Scenario


def assert_known(plugin: PluginSpec, catalogue: Sequence[Scenario]) -> None:
    """Assert that each expected id is one of the catalogue.

    Raises: InputError with the closest id.
    """
    known = [entry.id for entry in catalogue]
    for name, _ in plugin.expected:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            raise InputError(
                "a scenario that is expected to fail does not exist",
                seen=name,
                wanted=f"an id of the catalogue{', such as ' + close[0] if close else ''}",
                where="kms-e2e.toml, expected",
                next_step="list them with `kms-e2e scenarios`",
            )


def unexpected_passes(run: RunReport, plugin: PluginSpec) -> tuple[str, ...]:
    """Return a note for each scenario that was expected to fail and passed."""
    passed = {scenario.id for scenario in run.scenarios if scenario.outcome is Outcome.PASSED}
    return tuple(
        f"{name} was expected to fail ({reason}) and passed: take it out of [expected] in kms-e2e.toml"
        for name, reason in plugin.expected
        if name in passed
    )
