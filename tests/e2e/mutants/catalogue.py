"""Every mutant, named in advance: which scenario must kill it, by which words of its proof, and what is broken.

The first of each scenario is its twin of the catalogue. A MUST has a second one with another effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.proxy import EditStatus, Error
from pipeline.suite.collection import Collected
from tests.doubles.double_methods import FAULTS
from tests.e2e.mutants import breaks
from tests.e2e.twins.breaks import Sabotage, faults, foreign_key_ids, foreign_value, skip_one_update
from tests.e2e.twins.sabotage import TWINS
from tests.e2e.twins.twins_failure import never_healed, no_faults, side
from tests.e2e.twins.twins_lifecycle import seeds_stay_wrapped
from tests.e2e.wire.test_twins import TWINS as WIRE


@dataclass(frozen=True, slots=True)
class Mutant:
    """One broken plugin or setting. `number` counts those of its scenario from 0; `reason` is a regular expression."""

    scenario: str
    number: int
    breaks: str
    reason: str
    sabotage: Sabotage

    @property
    def name(self) -> str:
        """Return its name in the table, such as `C33-2`."""
        return f"{self.scenario}-{self.number + 1}"


def hide_rotation(plane: ControlPlane) -> None:
    """Let Status go on with the keyID of before every rotation."""
    plane.proxy.faults.set(EditStatus(key_id=plane.plugin.client.status().key_id))


_HOOK_DOES_NOTHING: Final = ("true",)
# What is broken, the words of the proof, and how, by the id of the scenario.
SECOND: Final[Mapping[str, tuple[str, str, Sabotage]]] = {
    "A13": (
        "plugin: Decrypt answers from a cache by keyID alone",
        "plaintexts of other calls",
        Sabotage(plugin_fault="caches-by-key-id"),
    ),
    "B18": (
        "proxy: Status fails",
        "kms-providers after a fresh Status",
        Sabotage(plane=faults(Error(methods=("Status",)))),
    ),
    "B19": ("etcd: the value is lost", "GET after create", Sabotage(plane=breaks.vanishing_values)),
    "B20": (
        "configuration: the provider has another name",
        "prefix of the raw value",
        Sabotage(plane=breaks.other_name),
    ),
    "B20b": (
        "client: each Secret's value is copied into a ConfigMap",
        "plaintext in",
        Sabotage(plane=breaks.copied_into_config_map),
    ),
    "B21": (
        "proxy: kube-apiserver is told other keyIDs than the plugin has",
        "keyID of the stored object",
        Sabotage(plane=foreign_key_ids),
    ),
    "B22": (
        "configuration: the one that encrypts never reaches kube-apiserver",
        "stored unencrypted",
        Sabotage(plane=breaks.configuration_stays),
    ),
    "B23": (
        "procedure: kube-apiserver is restarted between the writes",
        "distinct encrypted seeds",
        Sabotage(plane=breaks.restarted_half_way),
    ),
    "B24": ("client: each Secret is written twice", "key_id_hash_total", Sabotage(plane=breaks.written_twice)),
    "B25": (
        "plugin: Decrypt returns other bytes",
        "does not open",
        Sabotage(plugin_fault="wrong-plaintext"),
    ),
    "B26": (
        "procedure: the key is rotated before the update",
        "resourceVersion after the update",
        Sabotage(plane=breaks.rotated_before_updates),
    ),
    "B27": (
        "configuration: the rule that masks ConfigMaps is missing",
        "stored otherwise than the rules say",
        Sabotage(plane=breaks.rules(without="configmaps")),
    ),
    "B28": (
        "proxy: kube-apiserver's connection is cut once",
        "connections of kube-apiserver",
        Sabotage(plane=breaks.dropped_connections),
    ),
    "B29": (
        "configuration: Pods are left out",
        "pods.* is stored",
        Sabotage(plane=breaks.rules(without="pods")),
    ),
    "B30": ("etcd: each value is another Secret's", r"page \d+: saw HTTP 500", Sabotage(plane=foreign_value)),
    "C31": (
        "proxy: Status goes on with the old keyID",
        "new objects have keyID",
        Sabotage(plane=hide_rotation),
    ),
    "C32": (
        "etcd: every value shows the first wrapped seed",
        "encrypted seed changed",
        Sabotage(plane=breaks.first_seed_again),
    ),
    "C33": (
        "procedure: the update is lost",
        "resourceVersion changes with the first update",
        Sabotage(plane=skip_one_update),
    ),
    "C34": (
        "etcd: one old value is put back after its rewrite",
        "keyIDs in the store",
        Sabotage(plane=breaks.one_value_put_back),
    ),
    "C34b": (
        "etcd: two values are swapped after the migration",
        "does not open",
        Sabotage(plane=breaks.swapped_after_migration),
    ),
    "C35": (
        "etcd: one old value is put back after its rewrite",
        "keyID hashes read from storage",
        Sabotage(plane=breaks.one_value_put_back),
    ),
    "C36": ("plugin: Decrypt takes the newest key only", "read back after", Sabotage(plugin_fault="newest-key-only")),
    "C37": (
        "hook: reinstate does nothing",
        "Status.keyID changes",
        Sabotage(hooks={**TWINS["C38"].hooks, "reinstate": _HOOK_DOES_NOTHING} if TWINS["C38"].hooks else {}),
    ),
    "C38": (
        "procedure: one Secret is not rewritten before the key is disabled",
        "read back after the migration",
        Sabotage(plane=skip_one_update),
    ),
    "C39": (
        "plugin: Decrypt takes the newest key only",
        "does not open",
        Sabotage(plugin_fault="newest-key-only"),
    ),
    "C40": ("proxy: Status names the same key as Encrypt", "/readyz/kms-providers fails", Sabotage(plane=no_faults)),
    "D41": (
        "procedure: kube-apiserver is restarted when the plugin comes",
        "process id of kube-apiserver",
        Sabotage(plane=breaks.restarted_for_the_plugin),
    ),
    "D42": (
        "client: refused writes are answered as if they had been done",
        "writes after the lifetime",
        Sabotage(plane=breaks.refusals_are_hidden),
    ),
    "D43": (
        "procedure: kube-apiserver is restarted in the outage",
        "process id of kube-apiserver",
        Sabotage(plane=breaks.restarted_when_healed),
    ),
    "D44": (
        "procedure: kube-apiserver is restarted for the plugin",
        "process id of kube-apiserver",
        Sabotage(plane=breaks.restarted_when_healed),
    ),
    "D45": ("proxy: the bad Status go on", "/readyz", Sabotage(plane=breaks.sides_never_heal)),
    "D48": (
        "etcd: the neighbours of a damaged value are damaged too",
        "GET of their neighbour",
        Sabotage(plane=breaks.damaged_neighbours),
    ),
    "D70": ("proxy: the socket is never away", "GET that needs the plugin", Sabotage(plane=no_faults)),
    "D71": (
        "proxy: the Status that takes 2.5 s fails",
        "a Status that takes 2.5 s is taken",
        Sabotage(plane=side("almost-slow", Error(methods=("Status",)))),
    ),
    "D72": ("proxy: no Status fails", "Status calls", Sabotage(plane=side("flapping"))),
    "D73": ("proxy: healthz is ok", "bad Status calls", Sabotage(plane=side("unhealthy"))),
    "D74": ("proxy: the version stays", "bad Status calls", Sabotage(plane=side("version"))),
    "D75": ("proxy: Status names the key of Encrypt", "bad Status calls", Sabotage(plane=side("mismatch"))),
    "D77": ("proxy: the bad replies go on", "/readyz", Sabotage(plane=breaks.sides_never_heal)),
    "D80": (
        "client: the options of the deletion are lost",
        "DELETE with the request",
        Sabotage(plane=breaks.request_is_lost),
    ),
    "E49": (
        "proxy: Decrypt fails from the reload on",
        "after: GET of an object of",
        Sabotage(plane=breaks.unreadable_once_reloaded),
    ),
    "E50": (
        "socket: the plugin answers where nobody should",
        "saw dead-socket, wanted within",
        Sabotage(plane=breaks.somebody_listens),
    ),
    "E51": (
        "etcd: one old value is put back after its rewrite",
        "stored otherwise than kms:v2",
        Sabotage(plane=breaks.one_value_put_back),
    ),
    "E52": (
        "etcd: one old value is put back after its rewrite",
        "stored otherwise than kms:v2:provider-b",
        Sabotage(plane=breaks.one_value_put_back),
    ),
    "E53": (
        "etcd: one old value is put back after its rewrite",
        "stored otherwise than identity",
        Sabotage(plane=breaks.one_value_put_back),
    ),
    "E54": ("proxy: its faults go on", "providers named by /readyz", Sabotage(plane=never_healed)),
    "E55": ("plugin: Decrypt returns other bytes", "read back after", Sabotage(plugin_fault="wrong-plaintext")),
    "F56": (
        "procedure: the snapshot is not restored",
        "after the restore, with all keys: not readable",
        Sabotage(plane=breaks.nothing_restored),
    ),
    "F58b": ("procedure: the rewrite is lost", "resourceVersion after a rewrite", Sabotage(plane=skip_one_update)),
    "F59": (
        "proxy of the first server: Decrypt fails from the new key on",
        "by kube-apiserver when kube-apiserver-2 writes with the new key: not readable",
        Sabotage(plane=seeds_stay_wrapped),
    ),
    "F60": ("storage: every second object is missing", "every Secret is listed", Sabotage(plane=breaks.half_is_stored)),
    "F73": ("proxy: permissions stay denied", "writes come back", Sabotage(plane=breaks.denied_for_ever)),
}


def mutants(catalogue: Sequence[Collected]) -> list[Mutant]:
    """Return every mutant of the scenarios in a catalogue, in its order."""
    found = []
    for item in catalogue:
        entry = item.entry
        ways = [(entry.twin.breaks, entry.twin.reason, TWINS[entry.id])] if entry.id in TWINS else []
        for fault, reason in WIRE.get(entry.id, ()):
            ways.append((f"plugin: {FAULTS[fault]}", reason or entry.twin.reason, Sabotage(plugin_fault=fault)))
        ways += [SECOND[entry.id]] if entry.id in SECOND else []
        found += [Mutant(entry.id, number, *way) for number, way in enumerate(ways)]
    return found
