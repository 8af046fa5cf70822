"""B27-B29: which resources a configuration encrypts: wildcards, masks, custom resources, Pods, large objects."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from typing import Final

import pytest

from pipeline.core.encryption import EncryptionConfiguration, Identity, KmsProvider, ResourceRule, encrypt
from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions
from pipeline.suite.encryption.objects import apiservice, container, custom_resource, definition, deployment
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import assert_all_stored, form_of
from pipeline.suite.support import CREATED, OK, alive, new_namespace, opened, raw, reached, under, write_secret

_PLANE: Final = "resources"
_APPS: Final = "apps"
_REST: Final = "everything-else"
# Not REST resources, so no transformer reaches them. Source: k/k test/integration/controlplane/transformation
# TestEncryptAll; pkg/controlplane keeps them by storage of their own.
_VIRTUAL: Final = ("/registry/masterleases/", "/registry/peerserverleases/", "/registry/ranges/")
_MASKED: Final = "/registry/configmaps/"
_OF_APPS: Final = tuple(
    f"/registry/{name}/" for name in ("controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets")
)
_LARGE_BYTES: Final = 1024 * 1024
_ESTABLISHED_TIMEOUT_S: Final = 30.0

MakePlane = Callable[[ControlPlaneOptions], ControlPlane]


def _wildcards(provider: KmsProvider) -> EncryptionConfiguration:
    def by(name: str) -> KmsProvider:
        return KmsProvider(name, provider.endpoint, provider.timeout_s)

    return EncryptionConfiguration(
        (
            ResourceRule(("configmaps",), (Identity(),)),
            ResourceRule(("*.apps",), (by(_APPS),)),
            ResourceRule(("*.*",), (by(_REST),)),
        )
    )


@scenario(
    Scenario(
        id="B27",
        title="`*.group` and `*.*` encrypt, identity masks, the first rule decides, virtual resources stay plain",
        level=Level.MUST,
        source="k8s.io/apiserver apis/apiserver/v1 types_encryption.go ResourceConfiguration.resources",
        subject=Subject.KUBE_APISERVER,
        deadline_s=120,
        twin=Twin(
            breaks="configuration: identity before the plugin in every rule",
            reason="stored otherwise than the rules say",
        ),
    )
)
def scenario_wildcards(make_control_plane: MakePlane, proof: ProofRecorder) -> None:
    """Every key below /registry/ is compared with the form that the first matching rule gives."""
    plane = make_control_plane(ControlPlaneOptions(configure=_wildcards))
    namespace = new_namespace(plane, proof)
    write_secret(plane, proof, namespace)
    _create(plane, proof, f"/api/v1/namespaces/{namespace}/configmaps", _named("ConfigMap", "masked"))
    _create(plane, proof, f"/apis/apps/v1/namespaces/{namespace}/deployments", deployment("web"))
    values = list(under(plane, "/registry/"))
    wrong = {value.key: form_of(value) for value in values if form_of(value) != _wanted_form(value.key)}
    proof.that("keys stored otherwise than the rules say", observed=wrong, wanted={})
    seen = {_wanted_form(value.key) for value in values}
    wanted = {"identity", f"kms:v2:{_APPS}", f"kms:v2:{_REST}"}
    proof.that(f"forms among {len(values)} keys", observed=sorted(seen), wanted=sorted(wanted))
    virtual = [value.key for value in values if value.key.startswith(_VIRTUAL)]
    proof.that("virtual resources, all plain", observed=len(virtual), wanted="> 0", holds=bool(virtual))


def _wanted_form(key: str) -> str:
    if key.startswith((_MASKED, *_VIRTUAL)):
        return "identity"
    return f"kms:v2:{_APPS if key.startswith(_OF_APPS) else _REST}"


@scenario(
    Scenario(
        id="B28",
        title="definitions, custom resources and APIServices use the same plugin over one connection",
        level=Level.MUST,
        source="k8s.io: encrypt-data, custom resources; k/k TestKMSv2SingleService",
        subject=Subject.KUBE_APISERVER,
        deadline_s=120,
        plane=_PLANE,
        twin=Twin(breaks="configuration: identity before the plugin in every rule", reason="is stored"),
    )
)
def scenario_custom_resources(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """A Secret, a definition, a custom resource, an APIService: prefixes, Decrypt alone opens them, one connection."""
    plane, namespace = control_plane, new_namespace(control_plane, proof)
    secret = write_secret(plane, proof, namespace)
    _create(plane, proof, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition())
    widgets = f"/apis/kms-e2e.example.com/v1/namespaces/{namespace}/widgets"
    _await_served(plane, proof, widgets)
    canary = os.urandom(16).hex()
    _create(plane, proof, widgets, custom_resource("one", canary))
    _create(plane, proof, "/apis/apiregistration.k8s.io/v1/apiservices", apiservice())
    stored = {
        secret.key: secret.value,
        "/registry/apiextensions.k8s.io/customresourcedefinitions/widgets.kms-e2e.example.com": b"Widget",
        f"/registry/kms-e2e.example.com/widgets/{namespace}/one": canary.encode(),
        "/registry/apiregistration.k8s.io/apiservices/v1.elsewhere.example.com": b"elsewhere.example.com",
    }
    for key, part in stored.items():
        _assert_sealed(plane, proof, key, part)
    proof.that("connections of kube-apiserver to the plugin", observed=plane.proxy.connections, wanted=1)


@pytest.fixture
def plane_options() -> ControlPlaneOptions:
    """Let the shared control plane encrypt every kind that these scenarios write."""
    return ControlPlaneOptions(configure=_served_by_all)


def _served_by_all(provider: KmsProvider) -> EncryptionConfiguration:
    resources = (
        "secrets",
        "configmaps",
        "pods",
        "customresourcedefinitions.apiextensions.k8s.io",
        "widgets.kms-e2e.example.com",
        "apiservices.apiregistration.k8s.io",
    )
    return encrypt(resources, provider)


def _await_served(plane: ControlPlane, proof: ProofRecorder, collection: str) -> None:
    def served() -> str | bool:
        reply = plane.api.get(collection)
        return reply.status == OK or f"not yet: {reply}"

    what = "the custom resource is served"
    reached(proof, what, served, timeout_s=_ESTABLISHED_TIMEOUT_S, alive=alive(plane))


@scenario(
    Scenario(
        id="B29",
        title="ConfigMaps, Pods and a Secret of 1 MiB are encrypted and read back",
        level=Level.MUST,
        source="k8s.io: encrypt-data; a Secret holds up to 1 MiB (core/v1 MaxSecretSize)",
        subject=Subject.KUBE_APISERVER,
        deadline_s=120,
        plane=_PLANE,
        twin=Twin(breaks="configuration: identity before the plugin in every rule", reason="is stored"),
    )
)
def scenario_other_kinds(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """A canary in each: raw prefix, absent from etcd's bytes, opened with Decrypt alone, equal when read by GET."""
    plane, namespace = control_plane, new_namespace(control_plane, proof)
    canary = os.urandom(16).hex()
    large = os.urandom(_LARGE_BYTES - len(canary)) + canary.encode()
    documents = {
        "configmaps": {**_named("ConfigMap", "one"), "data": {"value": canary}},
        "pods": {**_named("Pod", "one"), "spec": {"containers": [container(canary)]}},
        "secrets": {**_named("Secret", "one"), "data": {"value": base64.b64encode(large).decode()}},
    }
    for resource, document in documents.items():
        collection = f"/api/v1/namespaces/{namespace}/{resource}"
        _create(plane, proof, collection, document)
        _assert_sealed(plane, proof, f"/registry/{resource}/{namespace}/one", canary.encode())
        assert_all_stored(plane, proof, f"kms:v2:{plane.provider.name}", f"/registry/{resource}/{namespace}/")
        part = document.get("data", canary)
        read = plane.api.get(f"{collection}/one")
        whole = read.body.get("data") == part if resource != "pods" else canary in read.text
        proof.that(
            f"{resource}: read as written",
            observed=f"HTTP {read.status}, equal: {whole}",
            wanted="HTTP 200, equal: True",
        )


def _assert_sealed(plane: ControlPlane, proof: ProofRecorder, key: str, part: bytes) -> None:
    """Prove that a value has the plugin's prefix, does not show `part`, and that Decrypt alone opens it to show it."""
    value = raw(plane, key)
    proof.that(f"{key} is stored", observed=form_of(value), wanted=f"kms:v2:{plane.provider.name}")
    proof.that(f"{key} shows its content", observed=part in value.value, wanted=False)
    proof.that(f"{key}, opened, shows its content", observed=part in opened(plane, key), wanted=True)


def _named(kind: str, name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}


def _create(plane: ControlPlane, proof: ProofRecorder, collection: str, document: Mapping[str, object]) -> None:
    reply = plane.api.request("POST", collection, document)
    if reply.status != CREATED:
        proof.that(f"create in {collection}", observed=str(reply), wanted="HTTP 201", holds=False)
