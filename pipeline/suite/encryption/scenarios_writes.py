"""B22, B23 and B26: a whole store encrypted by rewriting, one seed for many writes, updates that change nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from pipeline.core.encryption import EncryptionConfiguration, Identity, KmsProvider, encrypt
from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions, encrypt_secrets
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import rewrite_quietly
from pipeline.suite.support import (
    SECRETS_PREFIX,
    await_fresh_status,
    decoded,
    new_namespace,
    rewrite,
    under,
    write_secret,
    write_secrets,
)
from pipeline.suite.threads import at_once

_PLANE: Final = "writes"
_PLAIN_SECRETS: Final = 20
_WRITES: Final = 1000
_WRITERS: Final = 8


def plain_secrets(provider: KmsProvider) -> EncryptionConfiguration:
    """Write Secrets plain, with the plugin configured for reading only, as before encryption is switched on."""
    return encrypt(["secrets"], Identity(), provider)


@scenario(
    Scenario(
        id="B22",
        title="after a rewrite no Secret is left unencrypted",
        level=Level.MUST,
        source="kubernetes.io: encrypt-data, ensure all relevant data are encrypted",
        subject=Subject.PROCEDURE,
        twin=Twin(breaks="procedure: one Secret is not rewritten", reason="stored unencrypted"),
    )
)
def scenario_rewrite_all(
    make_control_plane: Callable[[ControlPlaneOptions], ControlPlane], proof: ProofRecorder
) -> None:
    """Secrets written before encryption are rewritten; then every value under /registry/secrets/ is decoded."""
    plane = make_control_plane(ControlPlaneOptions(configure=plain_secrets))
    secrets = write_secrets(plane, proof, new_namespace(plane, proof), _PLAIN_SECRETS)
    plain = [value.key for value in under(plane) if not value.value.startswith(b"k8s:enc:")]
    proof.that(
        "stored unencrypted before", observed=len(plain), wanted=f">= {len(secrets)}", holds=len(plain) >= len(secrets)
    )
    plane.server.write_configuration(encrypt_secrets(plane.provider))
    plane.restart_api_server()
    for path in plane.api.paths("/api/v1/secrets"):
        rewrite_quietly(plane, proof, path)
    left = [value.key for value in under(plane) if not value.value.startswith(b"k8s:enc:kms:v2:")]
    proof.that("stored unencrypted after the rewrite", observed=left, wanted=[])
    wanted = plane.plugin.client.status().key_id
    proof.that("keyIDs in the store", observed={decoded(value).key_id for value in under(plane)}, wanted={wanted})


@scenario(
    Scenario(
        id="B23",
        title="one seed serves a thousand writes",
        level=Level.MUST,
        source="KEP-3299: the DEK seed changes with the keyID only; api.proto: key_id must be stable",
        subject=Subject.PLUGIN,
        deadline_s=150,
        waits=True,
        plane=_PLANE,
        twin=Twin(breaks="plugin: a new keyID with every Status", reason="distinct encrypted seeds"),
    )
)
def scenario_one_seed(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """1,000 Secrets, with a fresh Status half-way, share one encryptedDEKSource; kube-apiserver called Encrypt once."""
    namespace = new_namespace(control_plane, proof)
    _write_many(control_plane, proof, namespace, _WRITES // 2)
    await_fresh_status(control_plane)
    _write_many(control_plane, proof, namespace, _WRITES // 2)
    values = list(under(control_plane, f"{SECRETS_PREFIX}{namespace}/"))
    proof.that("objects in etcd", observed=len(values), wanted=_WRITES)
    seeds = {decoded(value).encrypted_dek_source for value in values}
    proof.that("distinct encrypted seeds", observed=len(seeds), wanted=1)
    proof.that("Encrypt calls of kube-apiserver", observed=control_plane.proxy.count("Encrypt"), wanted=1)


def _write_many(plane: ControlPlane, proof: ProofRecorder, namespace: str, count: int) -> None:
    started = time.monotonic()
    at_once([partial(write_secret, plane, proof, namespace)] * count, _WRITERS)
    proof.that(f"{count} writes", observed=f"{time.monotonic() - started:.1f} s", wanted="no failure", holds=True)


@scenario(
    Scenario(
        id="B26",
        title="an update that changes nothing writes nothing",
        level=Level.MUST,
        source="api.proto StatusResponse.key_id: stable while the key is; KEP-3299: staleness is judged by keyID",
        subject=Subject.PLUGIN,
        deadline_s=90,
        waits=True,
        plane=_PLANE,
        twin=Twin(breaks="plugin: a new keyID with every Status", reason="resourceVersion after the update"),
    )
)
def scenario_no_op_update(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """A Secret is PUT as it was read, after a fresh Status; its resourceVersion stays."""
    secret = write_secret(control_plane, proof, new_namespace(control_plane, proof))
    await_fresh_status(control_plane)
    before, after = rewrite(control_plane, proof, secret.path)
    proof.that("resourceVersion after the update", observed=after, wanted=before)
