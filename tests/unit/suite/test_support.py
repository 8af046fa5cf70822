"""What the plugin refuses is the scenario's failure with its reason, not an error of the suite."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import cast

import pytest

from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.etcd import EtcdValue
from pipeline.harness.kms import EncryptReply, KmsCallError
from pipeline.harness.plugin import Plugin
from pipeline.harness.storage import EncryptedObject, decode, encode, seal
from pipeline.suite.encryption.scenarios_storage import assert_annotated
from pipeline.suite.scenario import ProofRecorder, ScenarioFailed
from pipeline.suite.support import opened, unwrapped

KEY = "/registry/secrets/default/one"
SEED = os.urandom(32)
STORED = EncryptedObject(
    provider="p",
    encrypted_data=seal(b"its content", KEY.encode(), SEED),
    key_id="k1",
    encrypted_dek_source=b"wrapped",
    annotations={"a.example.com": b"1"},
)


def plugin(decrypt: Callable[[EncryptReply], bytes], annotations: Mapping[str, bytes] | None = None) -> Plugin:
    wrapped = EncryptReply(b"wrapped", "k1", annotations or {})
    client = SimpleNamespace(decrypt=decrypt, encrypt=lambda _: wrapped)
    return cast("Plugin", SimpleNamespace(client=client))


def plane(decrypt: Callable[[EncryptReply], bytes]) -> ControlPlane:
    etcd = SimpleNamespace(get=lambda key: EtcdValue(key=key, value=encode(STORED), mod_revision=1))
    return cast("ControlPlane", SimpleNamespace(etcd=etcd, plugin=plugin(decrypt)))


def refuse(_: EncryptReply) -> bytes:
    raise KmsCallError("Decrypt", "NOT_FOUND", "no such key", "unix:///s")


def test_a_value_is_opened_by_decrypt_alone() -> None:
    assert opened(plane(lambda _: SEED), KEY) == b"its content"


def test_a_value_whose_seed_the_plugin_refuses_fails_the_scenario() -> None:
    with pytest.raises(ScenarioFailed, match=r"(?s)/one does not open.*NOT_FOUND: no such key"):
        opened(plane(refuse), KEY)


def test_a_value_that_opens_with_another_seed_only_fails_the_scenario() -> None:
    with pytest.raises(ScenarioFailed, match="does not open"):
        opened(plane(lambda _: os.urandom(32)), KEY)


def test_what_the_plugin_no_longer_decrypts_fails_the_scenario() -> None:
    assert unwrapped(plugin(lambda _: SEED), STORED.wrapped) == SEED
    with pytest.raises(ScenarioFailed, match=r"(?s)under keyID 'k1'.*NOT_FOUND"):
        unwrapped(plugin(refuse), STORED.wrapped)


def test_the_names_of_stored_annotations_are_those_of_the_plugin() -> None:
    stored = decode(encode(STORED))
    assert_annotated(plugin(refuse, {"a.example.com": b"2"}), ProofRecorder(), stored)
    with pytest.raises(ScenarioFailed, match="names of the stored annotations"):
        assert_annotated(plugin(refuse, {"a.example.com": b"2", "b.example.com": b""}), ProofRecorder(), stored)
