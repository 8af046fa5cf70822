"""A plugin author's own scenario: `kms-e2e run --assets assets --scenarios scenarios_own.py` runs it with ours."""

from __future__ import annotations

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.etcd import EtcdClient
from pipeline.harness.storage import decode
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario


@scenario(
    Scenario(
        id="X01",
        title="a Secret's keyID in etcd is the one that Status reports",
        level=Level.SHOULD,
        source="the plugin's own design document",
        subject=Subject.PLUGIN,
        twin=Twin(breaks="plugin: Status reports another keyID than Encrypt", reason="keyID in etcd"),
    )
)
def scenario_key_id_in_etcd(control_plane: ControlPlane, etcd: EtcdClient, proof: ProofRecorder) -> None:
    """Create a Secret through kube-apiserver and decode the raw value that etcd has."""
    reply = control_plane.api.create_secret("default", "own", {"value": b"hunter2"})
    proof.that("create a Secret", observed=reply.status, wanted=201)
    value = etcd.get("/registry/secrets/default/own")
    proof.that("etcd has the Secret", observed=value is not None, wanted=True)
    key_id = decode(value.value).key_id if value else ""
    proof.that("keyID in etcd", observed=key_id, wanted=control_plane.plugin.client.status().key_id)
