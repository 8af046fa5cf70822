"""Run family A against a plugin that somebody else runs: no process, no state folder, no hooks."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

from pipeline.core.result import NotRun, Outcome, ScenarioResult
from pipeline.errors import InputError, KmsE2EError
from pipeline.harness.kms import (
    KmsCallError,
    KmsClient,
    SocketAddress,
    StatusReply,
    explain_unimplemented,
    require_listener,
)
from pipeline.suite import wire
from pipeline.suite.recorder import blank
from pipeline.suite.scenario import ProofRecorder, Scenario

_ENOUGH: Final = {"kms_client", "proof"}


@dataclass(frozen=True, slots=True)
class WireScenario:
    """An entry of family A with its function and the fixtures it takes."""

    entry: Scenario
    function: Callable[..., None]
    fixtures: frozenset[str]

    @property
    def obstacle(self) -> str:
        """Return why it cannot be run against a plugin that somebody else runs; empty when it can."""
        if self.entry.hooks:
            return f"{NotRun.HOOK_MISSING}: {', '.join(self.entry.hooks)}"
        return "" if self.fixtures <= _ENOUGH else NotRun.NEEDS_PROCESS


def wire_scenarios() -> list[WireScenario]:
    """Return family A in the order of ids."""
    found = [
        WireScenario(mark.args[0], function, frozenset(inspect.signature(function).parameters))
        for module in pkgutil.iter_modules(wire.__path__, f"{wire.__name__}.")
        if module.name.rpartition(".")[2].startswith("scenarios_")
        for _, function in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction)
        for mark in getattr(function, "pytestmark", ())
        if mark.name == "scenario"
    ]
    return sorted(found, key=lambda item: item.entry.id)


def first_status(address: SocketAddress, timeout_s: float) -> StatusReply | None:
    """Return the plugin's Status, or None when it answers Status with an error, which is for scenarios to judge.

    Raises: InputError when there is no socket, nobody answers, or the plugin speaks KMS v1 only.
    """
    require_listener(address)
    with KmsClient(address, timeout_s) as client:
        try:
            return client.status()
        except KmsCallError as error:
            if error.code == "UNIMPLEMENTED":
                raise explain_unimplemented(client) from error
            if error.code in ("DEADLINE_EXCEEDED", "UNAVAILABLE"):
                raise _silent(address, timeout_s, error) from error
            return None


def run_attached(client: KmsClient, item: WireScenario) -> ScenarioResult:
    """Run a scenario that needs no more than the socket; any other is *not run* with its reason."""
    return blank(item.entry, Outcome.NOT_RUN, item.obstacle) if item.obstacle else judged(item, kms_client=client)


def judged(item: WireScenario, **fixtures: object) -> ScenarioResult:
    """Run a scenario with those of the fixtures that it takes, and return its result with its proof."""
    proof = ProofRecorder()
    taken = {name: value for name, value in fixtures.items() if name in item.fixtures}
    started_at, begun = time.time(), time.monotonic()
    outcome, reason = Outcome.PASSED, ""
    try:
        item.function(**taken, proof=proof)
    except AssertionError as failed:
        outcome, reason = Outcome.FAILED, str(failed)
    except pytest.skip.Exception as skipped:
        outcome, reason = Outcome.NOT_RUN, str(skipped)
    except (KmsE2EError, OSError) as error:
        outcome, reason = Outcome.ERROR, str(error)
    return dataclasses.replace(
        blank(item.entry, outcome, reason),
        proofs=tuple(proof.proofs),
        latencies=tuple(proof.latencies),
        started_at=started_at,
        duration_s=time.monotonic() - begun,
    )


def _silent(address: SocketAddress, timeout_s: float, error: KmsCallError) -> InputError:
    return InputError(
        "nobody answers Status there",
        seen=f"{error.code}: {error.details}",
        wanted=f"a reply within {timeout_s:g} s",
        where=str(address),
        next_step="see whether the plugin runs and listens there (its log, `ss -xlp`), or allow more with --timeout",
    )
