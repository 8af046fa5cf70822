"""C34b and C34c: Kubernetes' own way to re-encrypt a store, StorageVersionMigration, in time and too early."""

from __future__ import annotations

from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.component import KUBE_CONTROLLER_MANAGER
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.proxy import EditStatus
from pipeline.suite.rotation.scenarios_migration import rotate_and_restart
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import assert_readable
from pipeline.suite.support import (
    CREATED,
    Secret,
    alive,
    await_key_id,
    decoded,
    new_namespace,
    opened,
    reached,
    rotate,
    sealed,
    under,
    write_secret,
    write_secrets,
)

# The migration's controller takes its list of objects from the garbage collector's caches.
_CONTROLLERS: Final = ("storage-version-migrator-controller", "garbage-collector-controller")
_COLLECTION: Final = "/apis/storagemigration.k8s.io/v1/storageversionmigrations"
_OBJECTS: Final = 10
_DEADLINE_S: Final = 240.0
# Its retries back off, and its caches learn of a new resourceVersion by a bookmark a minute at the latest.
_MIGRATION_TIMEOUT_S: Final = 120.0
# Status is polled each 60 s, and sooner by a look at readyz.
_IN_USE_TIMEOUT_S: Final = 60.0
_SOURCE: Final = "KEP-4192 StorageVersionMigration; KEP-3299: migrate after the new keyID is observed"


def migrate(plane: ControlPlane, proof: ProofRecorder, namespace: str, name: str, resource: str = "secrets") -> None:
    """Migrate a core resource by a StorageVersionMigration and wait until its status says Succeeded."""
    spec = {"resource": {"group": "", "resource": resource}}
    kind = {"apiVersion": "storagemigration.k8s.io/v1", "kind": "StorageVersionMigration"}
    reply = plane.api.request("POST", _COLLECTION, {**kind, "metadata": {"name": name}, "spec": spec})
    wanted = "HTTP 201"
    proof.that(f"create {name}", observed=str(reply)[:200], wanted=wanted, holds=reply.status == CREATED)

    def listed() -> bool:
        return bool(_status(plane, name).get("resourceVersion"))

    reached(proof, f"{name} has the resourceVersion it migrates up to", listed, timeout_s=_MIGRATION_TIMEOUT_S)
    # Traffic, as a cluster has it: the controller waits until its cache has seen something newer than that.
    write_secret(plane, proof, namespace)

    def succeeded() -> str | bool:
        conditions = _status(plane, name).get("conditions", [])
        states = {item["type"]: item["status"] for item in conditions} if isinstance(conditions, list) else {}
        return states.get("Succeeded") == "True" or f"not yet: {states}"

    reached(proof, f"{name} succeeded", succeeded, timeout_s=_MIGRATION_TIMEOUT_S, alive=alive(plane))


def _status(plane: ControlPlane, name: str) -> dict[str, object]:
    reply = plane.api.get(f"{_COLLECTION}/{name}")
    status = reply.body.get("status") if reply.ok else None
    return status if isinstance(status, dict) else {}


def _assert_migrated(plane: ControlPlane, proof: ProofRecorder, secrets: list[Secret], key_id: str) -> None:
    """Decode every Secret of the store and prove that it has this keyID; open those of the scenario with Decrypt."""
    values = list(under(plane))
    proof.that("keyIDs in the store", observed=sorted({decoded(value).key_id for value in values}), wanted=[key_id])
    proof.that("values decoded", observed=len(values), wanted=f">= {_OBJECTS}", holds=len(values) >= _OBJECTS)
    for secret in secrets:
        if secret.value not in opened(plane, secret.key):
            proof.that(f"{secret.name} opens", observed="another value", wanted="its value", holds=False)
    assert_readable(plane.api, proof, secrets, "after the migration")


@scenario(
    Scenario(
        id="C34b",
        title="a StorageVersionMigration after a rotation leaves no object with an old keyID",
        level=Level.MUST,
        source=_SOURCE,
        subject=Subject.PROCEDURE,
        hooks=("rotate",),
        components=(KUBE_CONTROLLER_MANAGER,),
        since="1.37",  # which is the first to serve storagemigration.k8s.io/v1
        deadline_s=_DEADLINE_S,
        twin=Twin(breaks="procedure: the migration names another resource", reason="keyIDs in the store"),
    )
)
def scenario_storage_version_migration(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """Once kube-apiserver writes with the new key, the migration runs; then every Secret in etcd has the new keyID."""
    plane, namespace = control_plane, new_namespace(control_plane, proof)
    secrets = write_secrets(plane, proof, namespace, _OBJECTS)
    new = rotate_and_restart(plane, proof)
    plane.start_controller_manager(*_CONTROLLERS)
    migrate(plane, proof, namespace, "after-the-rotation")
    _assert_migrated(plane, proof, secrets, new)


@scenario(
    Scenario(
        id="C34c",
        title="a StorageVersionMigration before the new keyID is observed succeeds and leaves the old keyID",
        level=Level.INFO,
        source=_SOURCE,
        subject=Subject.PROCEDURE,
        hooks=("rotate",),
        components=(KUBE_CONTROLLER_MANAGER,),
        since="1.37",  # which is the first to serve storagemigration.k8s.io/v1
        deadline_s=_DEADLINE_S,
        twin=Twin(
            breaks="procedure: kube-apiserver observes the new keyID first",
            reason="left with the old keyID by a migration that says it succeeded",
        ),
    )
)
def scenario_migration_too_early(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """The proxy holds Status at the old keyID: each migrated Secret has it still. Observed, a second one ends it."""
    plane, namespace = control_plane, new_namespace(control_plane, proof)
    secrets = write_secrets(plane, proof, namespace, _OBJECTS)
    old = plane.plugin.client.status().key_id
    plane.start_controller_manager(*_CONTROLLERS)
    plane.proxy.faults.set(EditStatus(key_id=old))
    new = rotate(plane, proof)
    migrate(plane, proof, namespace, "too-early")
    left = sum(sealed(plane, secret.key).key_id == old for secret in secrets)
    proof.that(
        "Secrets left with the old keyID by a migration that says it succeeded", observed=left, wanted=len(secrets)
    )
    plane.proxy.faults.clear()
    await_key_id(plane, proof, new, _IN_USE_TIMEOUT_S)
    migrate(plane, proof, namespace, "in-time")
    _assert_migrated(plane, proof, secrets, new)
