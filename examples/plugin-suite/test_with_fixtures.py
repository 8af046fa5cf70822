"""A plugin's own pytest suite on the fixtures: `pytest --kms-assets assets --kms-report report`."""

from __future__ import annotations

import pytest

from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.etcd import EtcdClient
from pipeline.harness.kms import KmsCallError, KmsClient
from pipeline.harness.plugin import Plugin
from pipeline.harness.proxy import Error, FaultProxy

SEED = bytes(32)


def test_the_plugin_alone(kms_plugin: Plugin) -> None:
    reply = kms_plugin.client.encrypt(SEED)
    kms_plugin.restart()
    assert kms_plugin.client.decrypt(reply) == SEED


def test_the_plugin_behind_the_proxy(fault_proxy: FaultProxy) -> None:
    fault_proxy.faults.set(Error("PERMISSION_DENIED", methods=("Encrypt",), every_nth=2))
    with KmsClient(fault_proxy.address) as client:
        client.encrypt(SEED)
        with pytest.raises(KmsCallError, match="Encrypt failed"):
            client.encrypt(SEED)
    assert fault_proxy.count("Encrypt", code="OK") == 1
    assert fault_proxy.count("Encrypt", code="PERMISSION_DENIED") == 1


def test_the_whole_control_plane(control_plane: ControlPlane, etcd: EtcdClient) -> None:
    assert control_plane.api.create_secret("default", "mine", {"value": b"hunter2"}).ok
    value = etcd.get("/registry/secrets/default/mine")
    assert value is not None
    assert value.value.startswith(b"k8s:enc:kms:v2:")
    assert b"hunter2" not in value.value
