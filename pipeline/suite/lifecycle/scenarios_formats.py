"""F58b and F63: objects of older releases stay readable; every binary says which Go built it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

import pytest

from pipeline.core.result import Level, NotRun, Subject
from pipeline.harness.control_plane import ControlPlane, Equipment
from pipeline.harness.go_binary import go_version_of
from pipeline.harness.storage import DekSourceType
from pipeline.report.provenance import PLUGIN_ARTIFACT
from pipeline.suite.lifecycle.objects import new_dek_source, stored_secret
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import assert_readable
from pipeline.suite.support import Secret, new_namespace, opened, rewrite, sealed

_FORMATS: Final = {
    "key-as-in-1-27": DekSourceType.AES_GCM_KEY,
    "seed-as-in-1-28": DekSourceType.HKDF_SHA256_XNONCE_AES_GCM_SEED,
}


@scenario(
    Scenario(
        id="F58b",
        title="objects in the formats of Kubernetes 1.27 and 1.28 are read and rewritten",
        level=Level.MUST,
        source="kubernetes/apiserver kmsv2/envelope.go TransformFromStorage; TestKMSv2ProviderLegacyData",
        subject=Subject.KUBE_APISERVER,
        plane="encryption",
        twin=Twin(
            breaks="storage: an AES key of 1.27 is declared as a seed of 1.29",
            reason="read back as they are: not readable",
        ),
    )
)
def scenario_older_formats(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """Objects of our own encoder, with the DEK itself wrapped or with a seed, are read and renewed.

    1.27 wraps the DEK, and so does 1.28 without its KDF, in the same bytes; with it 1.28 wraps a seed. What is sealed
    is JSON here, which kube-apiserver reads as well as its own protobuf.
    """
    plane, namespace = control_plane, new_namespace(control_plane, proof)
    secrets = []
    for name, kind in _FORMATS.items():
        secret = Secret(namespace, name, os.urandom(24).hex().encode())
        plane.etcd.put(secret.key, stored_secret(plane, secret, new_dek_source(plane), kind))
        secrets.append(secret)
    assert_readable(plane.api, proof, secrets, "as they are")
    for secret in secrets:
        old = sealed(plane, secret.key)
        before, after = rewrite(plane, proof, secret.path)
        proof.that(
            f"{secret.name}: resourceVersion after a rewrite",
            observed=after,
            wanted=f"not {before}",
            holds=after != before,
        )
        new = sealed(plane, secret.key)
        proof.that(
            f"{secret.name}: DEK source type",
            observed=new.dek_source_type.name,
            wanted=DekSourceType.HKDF_SHA256_XNONCE_AES_GCM_SEED.name,
        )
        proof.that(
            f"{secret.name}: DEK source",
            observed="kept" if new.encrypted_dek_source == old.encrypted_dek_source else "renewed",
            wanted="renewed",
        )
        opened(plane, secret.key)
    assert_readable(plane.api, proof, secrets, "after the rewrite")


@scenario(
    Scenario(
        id="F63",
        title="every binary was built with the Go version that was asked for",
        level=Level.SHOULD,
        source="Go's build information in each binary (debug/buildinfo); provenance.json of the build",
        subject=Subject.PROCEDURE,
        plane="encryption",
        twin=Twin(breaks="assets: provenance.json names another Go version", reason="Go version of"),
    )
)
def scenario_built_with(control_plane: ControlPlane, scenario_equipment: Equipment, proof: ProofRecorder) -> None:
    """What each binary, and kube-apiserver as it runs, says of its Go is what provenance.json names."""
    wanted = _wanted(scenario_equipment.assets)
    for name, version in sorted(wanted.items()):
        seen = go_version_of(scenario_equipment.assets / name)
        proof.that(f"Go version of {name}", observed=seen or "no Go binary", wanted=f"go{version}")
    proof.that("binaries compared", observed=len(wanted), wanted="> 0", holds=bool(wanted))
    running = control_plane.api.get("/version").body.get("goVersion")
    of_file = go_version_of(scenario_equipment.assets / "kube-apiserver")
    proof.that("Go version of the running kube-apiserver", observed=running, wanted=of_file)


def _wanted(assets: Path) -> dict[str, str]:
    """Return the Go version that was asked for, of each binary that provenance.json says was built."""
    provenance = assets / "provenance.json"
    if not provenance.is_file():
        pytest.skip(f"{NotRun.NEEDS_PROVENANCE}: the folder of binaries was not made by kms-e2e build")
    document = json.loads(provenance.read_text())
    built = {str(item["name"]): str(item["go_version"]) for item in document["artifacts"] if "go_version" in item}
    if not built:
        pytest.skip(f"{NotRun.NEEDS_PROVENANCE}: none of the binaries was built by kms-e2e build")
    return built | ({PLUGIN_ARTIFACT: str(document["go_version"])} if PLUGIN_ARTIFACT in built else {})
