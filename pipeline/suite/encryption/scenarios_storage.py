"""B18-B21, B24 and B25: what kube-apiserver stores, read from etcd's bytes without kube-apiserver."""

from __future__ import annotations

import base64
import os
from functools import partial
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.kms.contract import key_id_hash
from pipeline.harness.plugin import Plugin
from pipeline.harness.storage import EncryptedObject, StorageError, decode, encode, open_value, seal
from pipeline.suite.scenario import ProofRecorder, Scenario, ScenarioFailed, Twin, scenario
from pipeline.suite.support import (
    OK,
    Secret,
    await_fresh_status,
    new_namespace,
    opened,
    raw,
    sealed,
    unwrapped,
    write_secret,
    write_secrets,
)
from pipeline.suite.wire.steps import replied

_PLANE: Final = "encryption"
_SEED_BYTES: Final = 32
_WRITES: Final = 5
_KEP: Final = "KEP-3299"
_PREFIX_SOURCE: Final = "kubernetes/apiserver encryptionconfig/config.go kmsTransformerPrefixV2"


@scenario(
    Scenario(
        id="B18",
        title="kube-apiserver is ready with the plugin",
        level=Level.MUST,
        source="kubernetes/kms apis/v2/api.proto StatusResponse.healthz; apiserver encryptionconfig/config.go",
        subject=Subject.PLUGIN,
        plane=_PLANE,
        waits=True,
        twin=Twin(breaks="proxy: Status.healthz is not ok", reason="kms-providers after a fresh Status"),
    )
)
def scenario_ready(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """After a Status that kube-apiserver asked for just now, /readyz/kms-providers answers 200 `ok`."""
    await_fresh_status(control_plane)
    reply = control_plane.api.get("/readyz/kms-providers")
    holds = reply.status == OK and reply.text == "ok"
    proof.that("kms-providers after a fresh Status", observed=str(reply), wanted="HTTP 200: ok", holds=holds)


@scenario(
    Scenario(
        id="B19",
        title="a Secret is read as it was written",
        level=Level.MUST,
        source=f"{_KEP}: Encrypt and Decrypt are each other's inverse",
        subject=Subject.PLUGIN,
        plane=_PLANE,
        twin=Twin(breaks="etcd: the value is another Secret's", reason="GET after create"),
    )
)
def scenario_round_trip(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """A Secret with random bytes is created and read back from etcd through the API, byte for byte."""
    namespace = new_namespace(control_plane, proof)
    value = os.urandom(4096)
    created = control_plane.api.create_secret(namespace, "binary", {"value": value})
    proof.that("create", observed=str(created)[:80], wanted="HTTP 201", holds=created.ok)
    read = control_plane.api.get_secret(namespace, "binary")
    proof.that("GET after create", observed=str(read)[:200], wanted="HTTP 200", holds=read.status == OK)
    same = read.body.get("data") == {"value": base64.b64encode(value).decode()}
    proof.that("GET after create", observed=f"data equal: {same}", wanted="data equal: True", holds=same)


@scenario(
    Scenario(
        id="B20",
        title="etcd holds the plugin's prefix and no plaintext",
        level=Level.MUST,
        source=_PREFIX_SOURCE,
        subject=Subject.KUBE_APISERVER,
        plane=_PLANE,
        twin=Twin(breaks="configuration: identity before the plugin", reason="prefix of the raw value"),
    )
)
def scenario_prefix(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """The raw value begins with `k8s:enc:kms:v2:<name>:` and holds neither the Secret's value nor its base64."""
    secret = write_secret(control_plane, proof, new_namespace(control_plane, proof))
    value = raw(control_plane, secret.key).value
    prefix = f"k8s:enc:kms:v2:{control_plane.provider.name}:".encode()
    proof.that("prefix of the raw value", observed=repr(value[: len(prefix)]), wanted=repr(prefix))
    shown = any(form in value for form in (secret.value, base64.b64encode(secret.value)))
    proof.that("plaintext in the raw value", observed=shown, wanted=False)


@scenario(
    Scenario(
        id="B21",
        title="the stored object opens with the plugin's Decrypt alone, and only under its own key",
        level=Level.MUST,
        source="KEP-3299; kubernetes/apiserver kmsv2/v2/api.proto EncryptedObject; aes_extended_nonce.go",
        subject=Subject.PLUGIN,
        plane=_PLANE,
        twin=Twin(breaks="etcd: two objects' values are swapped", reason="does not open|keyID of the stored object"),
    )
)
def scenario_opened(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """EncryptedObject decodes, the seed is unwrapped by Decrypt, HKDF-SHA256 and AES-GCM with the etcd key open it."""
    status = control_plane.plugin.client.status()
    namespace = new_namespace(control_plane, proof)
    first, second = write_secrets(control_plane, proof, namespace, 2)
    stored = sealed(control_plane, first.key)
    proof.that("keyID of the stored object", observed=stored.key_id, wanted=status.key_id)
    proof.that("type (1: HKDF_SHA256_XNONCE_AES_GCM_SEED)", observed=int(stored.dek_source_type), wanted=1)
    assert_annotated(control_plane.plugin, proof, stored)
    for secret in (first, second):
        _assert_holds(proof, secret, opened(control_plane, secret.key))
    _assert_bound(control_plane, proof, stored, second.key)


def assert_annotated(plugin: Plugin, proof: ProofRecorder, stored: EncryptedObject) -> None:
    """Prove that an object has the plugin's annotations, by their names, where the plugin gives the same each time."""
    encrypt = partial(plugin.client.encrypt, os.urandom(_SEED_BYTES))
    names = {tuple(sorted(replied(proof, "Encrypt", encrypt).annotations)) for _ in range(2)}
    if len(names) == 1:
        proof.that("names of the stored annotations", observed=tuple(sorted(stored.annotations)), wanted=names.pop())


def _assert_holds(proof: ProofRecorder, secret: Secret, plaintext: bytes) -> None:
    for what, wanted in (
        ("name", secret.name.encode()),
        ("namespace", secret.namespace.encode()),
        ("value", secret.value),
    ):
        proof.that(f"the opened object holds the Secret's {what}", observed=wanted in plaintext, wanted=True)
    # Objects are stored as Kubernetes protobuf, whose magic number is "k8s" and a zero byte.
    proof.that("the opened object's first bytes", observed=repr(plaintext[:4]), wanted=repr(b"k8s\0"))


def _assert_bound(plane: ControlPlane, proof: ProofRecorder, stored: EncryptedObject, other_key: str) -> None:
    seed = unwrapped(plane.plugin, stored.wrapped)
    try:
        open_value(stored, seed, other_key.encode())
    except StorageError as error:
        proof.that("the value under another etcd key", observed=error.what, wanted="it does not open", holds=True)
        return
    msg = "the value opens under another etcd key, so it is not bound to its own"
    raise ScenarioFailed(msg)


@scenario(
    Scenario(
        id="B24",
        title="metrics count each write under the hash of the plugin's keyID",
        level=Level.MUST,
        source="kubernetes/apiserver envelope/metrics/metrics.go key_id_hash_total",
        subject=Subject.KUBE_APISERVER,
        plane=_PLANE,
        twin=Twin(breaks="proxy: kube-apiserver is told other keyIDs than the plugin has", reason="key_id_hash_total"),
    )
)
def scenario_write_metric(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """key_id_hash_total{to_storage} with sha256 of Status.keyID rises by exactly the number of writes."""
    hashed = key_id_hash(control_plane.plugin.client.status().key_id)
    namespace = new_namespace(control_plane, proof)
    before = _writes(control_plane, hashed)
    write_secrets(control_plane, proof, namespace, _WRITES)
    risen = _writes(control_plane, hashed) - before
    proof.that("key_id_hash_total{to_storage} rises by", observed=risen, wanted=float(_WRITES))


@scenario(
    Scenario(
        id="B25",
        title="metrics show latencies of Status, Encrypt and Decrypt, and a foreign seed is read",
        level=Level.MUST,
        source="KEP-3299: objects of other API servers are read by Decrypt; envelope/metrics/metrics.go",
        subject=Subject.PLUGIN,
        plane=_PLANE,
        twin=Twin(breaks="proxy: Decrypt fails", reason="GET of an object under a foreign seed"),
    )
)
def scenario_latency_metric(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """An object under a seed that this API server never had is put into etcd; GET makes it call Decrypt."""
    secret = write_secret(control_plane, proof, new_namespace(control_plane, proof))
    before = _operations(control_plane, "Decrypt")
    control_plane.etcd.put(secret.key, _foreign(control_plane, proof, secret))
    read = control_plane.api.get_secret(secret.namespace, secret.name)
    proof.that("GET of an object under a foreign seed", observed=str(read)[:200], wanted="HTTP 200", holds=read.ok)
    risen = _operations(control_plane, "Decrypt") - before
    # The read and the watch cache each decrypt: there is no single-flight between them.
    what = "kms_operations_latency_seconds_count{Decrypt,OK} rises"
    proof.that(what, observed=risen, wanted=">= 1", holds=risen >= 1)
    for method in ("Status", "Encrypt"):
        count = _operations(control_plane, method)
        proof.that(
            f"kms_operations_latency_seconds_count{{{method},OK}}", observed=count, wanted="> 0", holds=count > 0
        )


def _foreign(plane: ControlPlane, proof: ProofRecorder, secret: Secret) -> bytes:
    """Return the raw value of a Secret as another API server, with a seed of its own, would have written it."""
    plaintext = opened(plane, secret.key)
    seed = os.urandom(_SEED_BYTES)
    wrapped = replied(proof, "Encrypt of a seed", partial(plane.plugin.client.encrypt, seed))
    stored = EncryptedObject(
        provider=decode(raw(plane, secret.key).value).provider,
        encrypted_data=seal(plaintext, secret.key.encode(), seed),
        key_id=wrapped.key_id,
        encrypted_dek_source=wrapped.ciphertext,
        annotations=wrapped.annotations,
    )
    return encode(stored)


def _operations(plane: ControlPlane, method: str) -> float:
    return plane.api.total(
        "apiserver_envelope_encryption_kms_operations_latency_seconds_count",
        method_name=f"/v2.KeyManagementService/{method}",
        grpc_status_code="OK",
    )


def _writes(plane: ControlPlane, hashed: str) -> float:
    return plane.api.total(
        "apiserver_envelope_encryption_key_id_hash_total",
        transformation_type="to_storage",
        key_id_hash=hashed,
        provider_name=plane.provider.name,
    )
