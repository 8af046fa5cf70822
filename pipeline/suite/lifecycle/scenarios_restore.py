"""F56: a snapshot of etcd is worth as much as the keys of its time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions
from pipeline.harness.inspection.inventory import take_inventory
from pipeline.harness.kms import KmsCallError
from pipeline.harness.snapshot import save_snapshot
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import READ_TIMEOUT_S, STARTING, assert_readable, await_readable, restart_unwaited
from pipeline.suite.support import (
    Secret,
    alive,
    await_key_id,
    decoded,
    new_namespace,
    reached,
    rotate,
    under,
    write_secrets,
)

_IN_USE_TIMEOUT_S: Final = 60.0
_SERVER_ERROR: Final = 500

MakeControlPlane = Callable[[ControlPlaneOptions], ControlPlane]


@scenario(
    Scenario(
        id="F56",
        title="a restored snapshot is readable with all keys, half with the newest, not at all without",
        level=Level.MUST,
        source="KEP-3299: data stays readable as long as its key is; kubermatic/kubermatic issue 8405, k3s issue 13598",
        subject=Subject.PLUGIN,
        hooks=("rotate", "disable_old_key"),
        deadline_s=300.0,
        fast=False,
        waits=True,
        twin=Twin(breaks="hook disable_old_key: the old key stays usable", reason="keyIDs that the plugin lacks"),
    )
)
def scenario_restore(make_control_plane: MakeControlPlane, proof: ProofRecorder) -> None:
    """Snapshot with two keys, deletion, restore; then reads with both keys, the newest, none, and the newest again.

    The inventory must find the keyIDs that Status named. What is missing is told by those that the plugin refuses, and
    kube-apiserver fails closed.
    """
    plane = make_control_plane(ControlPlaneOptions())
    namespace, first_id = new_namespace(plane, proof), plane.plugin.client.status().key_id
    old = write_secrets(plane, proof, namespace, 3)
    second_id = rotate(plane, proof)
    await_key_id(plane, proof, second_id, _IN_USE_TIMEOUT_S)
    new = write_secrets(plane, proof, namespace, 3)
    _restore_after_loss(plane, proof, [*old, *new])
    both = sorted([first_id, second_id])
    inventory = take_inventory(under(plane))
    proof.that("keyIDs in the inventory", observed=sorted(inventory.key_ids), wanted=both)
    _prove_missing(plane, proof, "with all keys", [])
    plane.plugin.hook("disable_old_key")
    _prove_missing(plane, proof, "with the newest key", [first_id])
    restart_unwaited(plane)
    await_readable(plane, proof, new, "with the newest key")
    _prove_closed(plane, proof, old, "without their key")
    lost = _lose_state(plane)
    _prove_missing(plane, proof, "without any key", both)
    restart_unwaited(plane)
    _prove_closed(plane, proof, [*old, *new], "without any key")
    _bring_back(plane, lost)
    await_readable(plane, proof, new, "with the key brought back")


def _restore_after_loss(plane: ControlPlane, proof: ProofRecorder, secrets: Sequence[Secret]) -> None:
    snapshot = plane.supervisor.folder / "snapshot.db"
    save_snapshot(plane.etcd.socket, snapshot)
    for secret in secrets:
        plane.api.delete(secret.path)
    gone = [secret.name for secret in secrets if plane.etcd.get(secret.key) is not None]
    proof.that("Secrets that are still there after the loss", observed=gone, wanted=[])
    plane.restore_etcd(snapshot)
    plane.server.start()
    plane.server.wait_ready()
    assert_readable(plane.api, proof, secrets, "after the restore, with all keys")


def _prove_missing(plane: ControlPlane, proof: ProofRecorder, when: str, wanted: list[str]) -> None:
    """Ask the plugin for one object of each keyID in etcd's bytes."""
    examples = {decoded(value).key_id: decoded(value).wrapped for value in under(plane)}
    missing = []
    for key_id, wrapped in examples.items():
        try:
            plane.plugin.client.decrypt(wrapped)
        except KmsCallError:
            missing.append(key_id)
    proof.that(f"keyIDs that the plugin lacks {when}", observed=sorted(missing), wanted=wanted)


def _prove_closed(plane: ControlPlane, proof: ProofRecorder, secrets: Sequence[Secret], when: str) -> None:
    def answered() -> bool:
        return plane.api.get(secrets[0].path).status not in STARTING

    reached(proof, f"reads are answered {when}", answered, timeout_s=READ_TIMEOUT_S, alive=alive(plane))
    for secret in secrets:
        reply = plane.api.get_secret(secret.namespace, secret.name)
        proof.that(
            f"GET of {secret.name} {when}",
            observed=str(reply)[:300],
            wanted="HTTP 500, no value",
            holds=reply.status == _SERVER_ERROR and "data" not in reply.body,
        )
    plane.assert_alive()


def _lose_state(plane: ControlPlane) -> Path:
    """Let the plugin start with nothing, as after a lost disk."""
    plane.plugin.stop()
    lost = plane.plugin.state.with_name("lost-state")
    plane.plugin.state.rename(lost)
    plane.plugin.state.mkdir(mode=0o700)
    plane.plugin.start()
    return lost


def _bring_back(plane: ControlPlane, lost: Path) -> None:
    plane.plugin.stop()
    plane.plugin.state.rename(lost.with_name("empty-state"))
    lost.rename(plane.plugin.state)
    plane.plugin.start()
