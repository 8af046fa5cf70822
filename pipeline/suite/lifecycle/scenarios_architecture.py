"""F62: the plugin built for another architecture, run by an emulator."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from typing import Final

import pytest

from pipeline.core.architectures import EMULATORS, FOLDER
from pipeline.core.plugin_spec import PluginSpec, ServiceAction, plugin_spec_from_json
from pipeline.core.result import Level, NotRun, Outcome, ScenarioResult, Subject
from pipeline.errors import KmsE2EError
from pipeline.harness.control_plane import Equipment
from pipeline.harness.plugin import Plugin
from pipeline.harness.supervisor import Supervisor
from pipeline.report.files import PROVENANCE_FILE
from pipeline.report.provenance import read_provenance
from pipeline.suite.fixtures import unmet
from pipeline.suite.recorder import blank
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.wire.attached import WireScenario, judged, wire_scenarios
from pipeline.suite.wire.steps import replied, same, seed, started

# Its proof is time, and that would be the emulator's.
_LEFT_OUT: Final = ("A17",)
_ASSETS: Final = "{assets}/"


@scenario(
    Scenario(
        id="F62",
        title="the plugin for another architecture passes what it passes here, and each unwraps what the other wrapped",
        level=Level.SHOULD,
        source="kubernetes/kubernetes hack/lib/golang.sh: servers for amd64, arm64, ppc64le and s390x",
        subject=Subject.PLUGIN,
        deadline_s=900.0,
        fast=False,
        twin=Twin(breaks="other architecture: the plugin has keys of its own", reason="keyID on"),
    )
)
def scenario_other_architecture(scenario_equipment: Equipment, proof: ProofRecorder) -> None:
    """Family A but A17 runs by qemu-user with the plugin built for another architecture.

    What fails there is run with this machine's plugin too, and must fail likewise. Then two instances on one state,
    one for each architecture, have the same keyID, and each unwraps a seed that the other wrapped.
    """
    name, other = other_equipment(scenario_equipment)
    items = {item.entry.id: item for item in wire_scenarios() if item.entry.id not in _LEFT_OUT}
    results = [_run(item, other, name) for item in items.values()]
    worse = [
        f"{bad.id}: {bad.reason}"
        for bad in results
        if bad.is_bad and _run(items[bad.id], scenario_equipment, "here").outcome is Outcome.PASSED
    ]
    proof.that(f"scenarios that pass here and fail on {name}", observed=worse, wanted=[])
    passed = [result.id for result in results if result.outcome is Outcome.PASSED]
    proof.that(f"passed on {name}", observed=f"{len(passed)} of {len(results)}", wanted="> 0", holds=bool(passed))
    _prove_crossing(proof, scenario_equipment, other, name)


def other_equipment(equipment: Equipment) -> tuple[str, Equipment]:
    """Return the other architecture and its equipment; without one, or an emulator, the scenario is *not run*."""
    folder = equipment.assets / FOLDER
    if not (folder / "plugin.json").is_file():
        pytest.skip(f"{NotRun.NEEDS_ARCHITECTURE}: kms-e2e build --other-architecture arm64")
    spec = plugin_spec_from_json((folder / "plugin.json").read_text(), where=str(folder / "plugin.json"))
    name = read_provenance(folder / PROVENANCE_FILE, []).platform.partition("/")[2]
    program = EMULATORS.get(name, "qemu-user")
    emulator = shutil.which(program) or shutil.which(f"{program}-static")
    if emulator is None:
        pytest.skip(f"{NotRun.NEEDS_ARCHITECTURE}: {program} is not on PATH (Debian: qemu-user-static)")
    if spec.root or spec.user:
        pytest.skip(f"{NotRun.NEEDS_ARCHITECTURE}: a plugin in an image, or of another user, is not emulated")
    return name, dataclasses.replace(equipment, assets=folder, plugin=emulated(spec, emulator, str(folder)))


def emulated(spec: PluginSpec, emulator: str, folder: str) -> PluginSpec:
    """Return a plugin whose programs, argv and hooks, lie in another folder and are run by an emulator."""

    def words(command: Sequence[str]) -> tuple[str, ...]:
        own = (emulator,) if command[0].startswith(_ASSETS) else ()
        return (*own, *(word.replace(_ASSETS, f"{folder}/") for word in command))

    hooks = {name: hook if isinstance(hook, ServiceAction) else words(hook) for name, hook in spec.hooks.items()}
    return dataclasses.replace(spec, argv=words(spec.argv), hooks=hooks)


def _run(item: WireScenario, equipment: Equipment, place: str) -> ScenarioResult:
    """Run a scenario of family A with a plugin of its own."""
    if reason := unmet(item.entry, equipment):
        return blank(item.entry, Outcome.NOT_RUN, reason)
    plane, evidence = f"F62-{place}-{item.entry.id}", equipment.evidence
    with Supervisor(plane, logs=evidence.logs(plane), on_event=evidence.add_event) as supervisor:
        plugin = Plugin(equipment.plugin, supervisor, assets=equipment.assets)
        try:
            if "idle_plugin" not in item.fixtures:
                plugin.start()
            return judged(item, idle_plugin=plugin, kms_plugin=plugin, kms_client=plugin.client)
        except KmsE2EError as error:
            return blank(item.entry, Outcome.ERROR, str(error))
        finally:
            plugin.client.close()


def _prove_crossing(proof: ProofRecorder, here: Equipment, other: Equipment, name: str) -> None:
    plane = "F62-both"
    with Supervisor(plane, logs=here.evidence.logs(plane), on_event=here.evidence.add_event) as supervisor:
        first = Plugin(here.plugin, supervisor, assets=here.assets)
        second = Plugin(other.plugin, supervisor, assets=other.assets, name=f"kms-plugin-{name}", first=first)
        started(proof, first, "start of this machine's plugin")
        started(proof, second, f"start of the plugin for {name} on its state")
        key_ids = [plugin.client.status().key_id for plugin in (first, second)]
        proof.that(f"keyID on {name}", observed=key_ids[1], wanted=key_ids[0])
        for writer, reader, what in ((first, second, f"unwrapped on {name}"), (second, first, "unwrapped here")):
            _prove_unwrapped(proof, writer, reader, what)
        for plugin in (first, second):
            plugin.client.close()


def _prove_unwrapped(proof: ProofRecorder, writer: Plugin, reader: Plugin, what: str) -> None:
    plaintext = seed()
    wrapped = replied(proof, f"{what}: Encrypt", lambda: writer.client.encrypt(plaintext))
    opened = replied(proof, f"{what}: Decrypt", lambda: reader.client.decrypt(wrapped))
    proof.that(what, observed=same(opened, plaintext), wanted="the same bytes")
