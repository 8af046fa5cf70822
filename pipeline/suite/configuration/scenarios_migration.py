"""E51, E70 and E53: from plaintext, static keys and KMS v1 to KMS v2, and back to plaintext."""

from __future__ import annotations

import base64
import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.encryption import (
    EncryptionConfiguration,
    Identity,
    KmsProvider,
    LocalProvider,
    Provider,
    ResourceRule,
    encrypt,
)
from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions, encrypt_secrets
from pipeline.harness.kube_apiserver import ApiServerOptions
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import assert_all_stored, assert_readable, named, restart_with, rewrite_store
from pipeline.suite.support import CREATED, OK, new_namespace, under, write_secrets

_DEADLINE_S: Final = 150.0
_OBJECTS: Final = 5
_KEY_BYTES: Final = 32
_CANARY: Final = "kms-e2e.example.com/canary"
_SOURCE: Final = "kubernetes.io: encrypt-data; KEP-3299: migration from other providers"

MakePlane = Callable[[ControlPlaneOptions], ControlPlane]


@dataclass(frozen=True, slots=True)
class _Old:
    """A resource and the provider that it is migrated from; `form` is how values lie in etcd before."""

    resource: str
    kind: str
    provider: Provider
    form: str


def _local(kind: str) -> LocalProvider:
    return LocalProvider(kind, "old", base64.b64encode(os.urandom(_KEY_BYTES)).decode())


def _old_providers() -> tuple[_Old, ...]:
    """Return one resource for each provider, so that one migration shows them all."""
    return (
        _Old("secrets", "Secret", _local("aescbc"), "aescbc:v1:old"),
        _Old("configmaps", "ConfigMap", _local("aesgcm"), "aesgcm:v1:old"),
        _Old("limitranges", "LimitRange", _local("secretbox"), "secretbox:v1:old"),
        _Old("resourcequotas", "ResourceQuota", Identity(), "identity"),
    )


def _static(olds: Sequence[_Old]) -> EncryptionConfiguration:
    return EncryptionConfiguration(tuple(ResourceRule((old.resource,), (old.provider,)) for old in olds))


def _static_again(plane: ControlPlane, olds: Sequence[_Old]) -> EncryptionConfiguration:
    rules = (ResourceRule((old.resource,), (old.provider, named(plane, old.resource))) for old in olds)
    return EncryptionConfiguration(tuple(rules))


def _rules(plane: ControlPlane, olds: Sequence[_Old], *, keep: bool) -> EncryptionConfiguration:
    """Return rules in which the plugin writes; with `keep` the old providers can still read.

    Each rule needs a provider name of its own: a KMS provider's name is unique in the whole file.
    """
    rules = []
    for old in olds:
        kms = named(plane, old.resource)
        rules.append(ResourceRule((old.resource,), (kms, old.provider) if keep else (kms,)))
    return EncryptionConfiguration(tuple(rules))


@scenario(
    Scenario(
        id="E51",
        title="data of identity, aescbc, aesgcm and secretbox move to the plugin and back; what is left can go",
        level=Level.MUST,
        source=_SOURCE,
        subject=Subject.PROCEDURE,
        deadline_s=_DEADLINE_S,
        fast=False,
        twin=Twin(breaks="procedure: one object is not rewritten", reason="stored otherwise than kms:v2"),
    )
)
def scenario_migrate_in(make_control_plane: MakePlane, proof: ProofRecorder) -> None:
    """One resource for each old provider: prefixes before and after rewriting; all is read with the plugin alone.

    Then back: the old provider first, everything rewritten, and all is read with the plugin stopped.
    """
    olds = _old_providers()
    plane = make_control_plane(ControlPlaneOptions(configure=lambda _: _static(olds)))
    namespace = new_namespace(plane, proof)
    paths = {path: canary for old in olds for path, canary in _create(plane, proof, namespace, old).items()}
    restart_with(plane, _rules(plane, olds, keep=True))
    _assert_canaries(plane, proof, paths, "before they are rewritten")
    rewrite_store(plane, proof, [old.resource for old in olds])
    for old in olds:
        assert_all_stored(plane, proof, f"kms:v2:{old.resource}", f"/registry/{old.resource}/")
    restart_with(plane, _rules(plane, olds, keep=False))
    _assert_canaries(plane, proof, paths, "without the old providers")
    restart_with(plane, _static_again(plane, olds))
    rewrite_store(plane, proof, [old.resource for old in olds])
    for old in olds:
        assert_all_stored(plane, proof, old.form, f"/registry/{old.resource}/")
    plane.plugin.stop()
    restart_with(plane, _static(olds))
    _assert_canaries(plane, proof, paths, "without the plugin")


def _create(plane: ControlPlane, proof: ProofRecorder, namespace: str, old: _Old) -> dict[str, str]:
    """Create objects of a resource with a canary each, and prove in which form they are stored."""
    collection = f"/api/v1/namespaces/{namespace}/{old.resource}"
    created = {}
    for number in range(_OBJECTS):
        canary = os.urandom(_KEY_BYTES).hex()
        metadata = {"name": f"old-{number}", "annotations": {_CANARY: canary}}
        document = {"apiVersion": "v1", "kind": old.kind, "metadata": metadata}
        reply = plane.api.request("POST", collection, document)
        proof.that(f"create a {old.kind}", observed=str(reply)[:80], wanted="HTTP 201", holds=reply.status == CREATED)
        created[f"{collection}/old-{number}"] = canary
    assert_all_stored(plane, proof, old.form, f"/registry/{old.resource}/{namespace}/")
    return created


def _assert_canaries(plane: ControlPlane, proof: ProofRecorder, paths: Mapping[str, str], when: str) -> None:
    wrong = [path for path, canary in paths.items() if _canary(plane, path) != canary]
    proof.that(f"{len(paths)} objects read {when}: wrong", observed=wrong, wanted=[])


def _canary(plane: ControlPlane, path: str) -> str:
    reply = plane.api.get(path)
    if not reply.ok:
        return str(reply)
    annotations = reply.metadata.get("annotations")
    return str(annotations.get(_CANARY)) if isinstance(annotations, dict) else ""


@scenario(
    Scenario(
        id="E70",
        title="data of KMS v1 move to KMS v2 and back",
        level=Level.SHOULD,
        source="KEP-3299: migration from v1 to v2; feature gate KMSv1 (kube_features.go), off since 1.29",
        subject=Subject.PROCEDURE,
        hooks=("serve_v1",),
        deadline_s=_DEADLINE_S,
        fast=False,
        twin=Twin(breaks="procedure: one object is not rewritten", reason="stored otherwise than kms:v2"),
    )
)
def scenario_migrate_from_v1(make_control_plane: MakePlane, proof: ProofRecorder) -> None:
    """With KMSv1 on, a plugin that serves both, Secrets go from `kms:v1` to `kms:v2` twice and back; then it is off."""
    gate = ApiServerOptions(flags=("--feature-gates=KMSv1=true",))
    plane = make_control_plane(
        ControlPlaneOptions(configure=_v1_only, kms_timeout_s=3.0, late_plugin=True, api_server=gate)
    )
    plane.plugin.spec = dataclasses.replace(plane.plugin.spec, argv=plane.plugin.spec.hook_words("serve_v1"))
    plane.plugin.start()
    plane.server.wait_ready()
    secrets = write_secrets(plane, proof, new_namespace(plane, proof), _OBJECTS)
    assert_all_stored(plane, proof, "kms:v1:old")
    new, old = plane.provider, _v1(plane.provider)
    for first, second, stored in (
        (new, old, f"kms:v2:{new.name}"),
        (old, new, "kms:v1:old"),
        (new, old, f"kms:v2:{new.name}"),
    ):
        restart_with(plane, encrypt(["secrets"], first, second))
        assert_readable(plane.api, proof, secrets, f"before they are rewritten to {stored}")
        rewrite_store(plane, proof)
        assert_all_stored(plane, proof, stored)
    plane.server.options = ApiServerOptions()
    restart_with(plane, encrypt(["secrets"], new))
    assert_readable(plane.api, proof, secrets, "with KMS v1 off")


def _v1(provider: KmsProvider) -> KmsProvider:
    return dataclasses.replace(provider, name="old", api_version="v1")


def _v1_only(provider: KmsProvider) -> EncryptionConfiguration:
    return encrypt(["secrets"], _v1(provider))


@scenario(
    Scenario(
        id="E53",
        title="encryption is switched off, and the plugin can go",
        level=Level.MUST,
        source="kubernetes.io: kms-provider, disabling encryption at rest",
        subject=Subject.PROCEDURE,
        deadline_s=_DEADLINE_S,
        fast=False,
        twin=Twin(breaks="procedure: one Secret is not rewritten", reason="stored otherwise than identity"),
    )
)
def scenario_disable(make_control_plane: MakePlane, proof: ProofRecorder) -> None:
    """`identity` first, everything rewritten: no value begins with `k8s:enc:`; all is read with the plugin stopped."""
    plane = make_control_plane(ControlPlaneOptions(configure=encrypt_secrets))
    secrets = write_secrets(plane, proof, new_namespace(plane, proof), _OBJECTS)
    assert_all_stored(plane, proof, f"kms:v2:{plane.provider.name}")
    restart_with(plane, encrypt(["secrets"], Identity(), plane.provider))
    rewrite_store(plane, proof)
    assert_all_stored(plane, proof, "identity")
    encrypted = [value.key for value in under(plane, "/registry/") if value.value.startswith(b"k8s:enc:")]
    proof.that("keys below /registry/ that begin with k8s:enc:", observed=encrypted, wanted=[])
    plane.plugin.stop()
    restart_with(plane, encrypt(["secrets"], Identity()))
    assert_readable(plane.api, proof, secrets, "with the plugin stopped")
    reply = plane.api.get("/readyz")
    proof.that("/readyz without the plugin", observed=str(reply), wanted="HTTP 200", holds=reply.status == OK)
