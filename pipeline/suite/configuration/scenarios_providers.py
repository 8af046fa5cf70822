"""E52, E54 and E55: two plugins and back, health of several providers, a restart with the last configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pipeline.core.encryption import Identity, KmsProvider, encrypt
from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions, Equipment
from pipeline.harness.plugin import Plugin
from pipeline.harness.proxy import Error, FaultProxy
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import (
    assert_all_stored,
    assert_readable,
    form_of,
    named,
    restart_with,
    rewrite_store,
)
from pipeline.suite.support import (
    OK,
    Secret,
    alive,
    new_namespace,
    raw,
    reached,
    rotate,
    sealed,
    write_secret,
    write_secrets,
)

_DEADLINE_S: Final = 180.0
_OBJECTS: Final = 5
_KEP: Final = "KEP-3299"
_B: Final = "provider-b"
# A failed check is repeated after 3 s (config.go kmsv2PluginHealthzNegativeTTL). Slack for a loaded machine on top.
_RECOVERY_TIMEOUT_S: Final = 30.0

MakePlane = Callable[[ControlPlaneOptions], ControlPlane]


@dataclass(frozen=True, slots=True)
class _Side:
    """A plugin with the provider that leads to it."""

    provider: KmsProvider
    plugin: Plugin


@scenario(
    Scenario(
        id="E52",
        title="data move from one plugin to another and back",
        level=Level.MUST,
        source=f"{_KEP}: providers are told apart by their name in the stored prefix",
        subject=Subject.PROCEDURE,
        deadline_s=_DEADLINE_S,
        fast=False,
        twin=Twin(breaks="procedure: one Secret is not rewritten", reason="stored otherwise than kms:v2:provider-b"),
    )
)
def scenario_exchange_plugins(
    make_control_plane: MakePlane, scenario_equipment: Equipment, proof: ProofRecorder
) -> None:
    """Two plugins (the second is that of `migrate_to`): prefixes after each move; what is read with one stopped."""
    plane = make_control_plane(ControlPlaneOptions(configure=lambda provider: encrypt(["secrets"], provider)))
    source = scenario_equipment.second or scenario_equipment
    second = Plugin(source.plugin, plane.supervisor, assets=source.assets, name="kms-plugin-b")
    first = _Side(plane.provider, plane.plugin)
    other = _Side(dataclasses.replace(plane.provider, name=_B, endpoint=f"unix://{second.socket}"), second)
    secrets = write_secrets(plane, proof, new_namespace(plane, proof), _OBJECTS)
    try:
        second.start()
        _move(plane, proof, secrets, first, other)
        _move(plane, proof, secrets, other, first)
    finally:
        second.client.close()


def _move(plane: ControlPlane, proof: ProofRecorder, secrets: list[Secret], old: _Side, new: _Side) -> None:
    """Migrate the store to another provider; the old plugin is stopped, all is read, the old plugin is started."""
    restart_with(plane, encrypt(["secrets"], new.provider, old.provider))
    rewrite_store(plane, proof)
    assert_all_stored(plane, proof, f"kms:v2:{new.provider.name}")
    seen = {sealed(plane, secret.key).key_id for secret in secrets}
    proof.that("keyIDs in the store", observed=seen, wanted={new.plugin.client.status().key_id})
    old.plugin.stop()
    restart_with(plane, encrypt(["secrets"], new.provider))
    assert_readable(plane.api, proof, secrets, f"with {old.plugin.spec.name} of {old.provider.name} stopped")
    old.plugin.start()


@scenario(
    Scenario(
        id="E54",
        title="health names each provider that fails, and no other",
        level=Level.MUST,
        source="apiserver encryptionconfig/config.go kmsHealthChecker: one check for each provider, in order",
        subject=Subject.KUBE_APISERVER,
        deadline_s=_DEADLINE_S,
        fast=False,
        twin=Twin(breaks="proxy: its faults have no effect", reason="providers named by /readyz"),
    )
)
def scenario_health_names(make_control_plane: MakePlane, proof: ProofRecorder) -> None:
    """Two providers, a proxy each: the first fails, both fail, the second fails, none; each time the readyz body."""
    plane = make_control_plane(ControlPlaneOptions())
    with _second_proxy(plane) as proxy:
        other = KmsProvider(_B, f"unix://{proxy.address.name}", timeout_s=plane.provider.timeout_s)
        both = encrypt(["secrets"], plane.provider, other, Identity())
        plane.proxy.faults.set(Error())
        restart_with(plane, both, ready=False)
        _assert_named(plane, proof, {"kms-provider-0"})
        proxy.faults.set(Error())
        # A good result counts for 20 s; a new process has none.
        plane.restart_api_server(ready=False)
        _assert_named(plane, proof, {"kms-provider-0", "kms-provider-1"})
        plane.proxy.faults.clear()
        _await_named(plane, proof, {"kms-provider-1"})
        proxy.faults.clear()
        _await_named(plane, proof, set())


@contextmanager
def _second_proxy(plane: ControlPlane) -> Iterator[FaultProxy]:
    with FaultProxy(listen=plane.supervisor.folder / "b.sock", upstream=plane.plugin.socket) as proxy:
        yield proxy


def _named(plane: ControlPlane) -> set[str]:
    """Return which providers /readyz/kms-providers names; nothing when it answers 200."""
    reply = plane.api.get("/readyz/kms-providers")
    return (
        set() if reply.status == OK else {name for name in ("kms-provider-0", "kms-provider-1") if name in reply.text}
    )


def _assert_named(plane: ControlPlane, proof: ProofRecorder, wanted: set[str]) -> None:
    proof.that("providers named by /readyz/kms-providers", observed=sorted(_named(plane)), wanted=sorted(wanted))


def _await_named(plane: ControlPlane, proof: ProofRecorder, wanted: set[str]) -> None:
    def shown() -> str | bool:
        seen = _named(plane)
        return seen == wanted or f"not yet: {sorted(seen)}"

    what = f"providers named by /readyz/kms-providers: {sorted(wanted)}"
    reached(proof, what, shown, timeout_s=_RECOVERY_TIMEOUT_S, poll_s=0.5, alive=alive(plane))


@scenario(
    Scenario(
        id="E55",
        title="a restart with the last configuration reads the data of every generation",
        level=Level.MUST,
        source=f"{_KEP}: each value names provider and keyID; api.proto Decrypt",
        subject=Subject.PLUGIN,
        hooks=("rotate",),
        deadline_s=_DEADLINE_S,
        fast=False,
        twin=Twin(breaks="plugin: Decrypt refuses keys that are not the newest", reason="read back after"),
    )
)
def scenario_last_configuration(make_control_plane: MakePlane, proof: ProofRecorder) -> None:
    """Plain, before and after a rotation, under another provider's name; kube-apiserver restarts and GETs each one."""
    plane = make_control_plane(
        ControlPlaneOptions(configure=lambda provider: encrypt(["secrets"], Identity(), provider))
    )
    namespace = new_namespace(plane, proof)
    generations = {"identity": write_secret(plane, proof, namespace)}
    restart_with(plane, encrypt(["secrets"], plane.provider, Identity()))
    generations[f"kms:v2:{plane.provider.name}"] = write_secret(plane, proof, namespace)
    rotate(plane, proof)
    restart_with(plane, encrypt(["secrets"], named(plane, _B), plane.provider, Identity()), ready=False)
    assert_readable(plane.api, proof, list(generations.values()), "after a rotation and a restart")
    generations[f"kms:v2:{_B}"] = write_secret(plane, proof, namespace)
    for form, secret in generations.items():
        proof.that("form in etcd", observed=form_of(raw(plane, secret.key)), wanted=form)
    plane.restart_api_server(ready=False)
    assert_readable(plane.api, proof, list(generations.values()), "after the restart")
