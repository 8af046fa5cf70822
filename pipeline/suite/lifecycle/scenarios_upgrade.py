"""F57: the plugin is upgraded and rolled back over the same data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import await_readable, restart_unwaited
from pipeline.suite.support import Secret, decoded, new_namespace, under, write_secrets

_OTHER: Final = "other_version"
_SECRETS: Final = 3

MakeControlPlane = Callable[[ControlPlaneOptions], ControlPlane]


@scenario(
    Scenario(
        id="F57",
        title="another version of the plugin reads the same data, and the first one reads what that wrote",
        level=Level.SHOULD,
        source="KEP-3299: annotations and keyID are stored with each object, for the plugin that decrypts it later",
        subject=Subject.PLUGIN,
        hooks=(_OTHER,),
        deadline_s=240.0,
        fast=False,
        twin=Twin(
            breaks="hook other_version: the other version has keys of its own", reason="readable by the other version"
        ),
    )
)
def scenario_upgrade_and_rollback(make_control_plane: MakeControlPlane, proof: ProofRecorder) -> None:
    """First, other and first version on one state; kube-apiserver restarts each time, so that no seed is cached.

    Each version must unwrap what both wrote, and writes Secrets with a seed of its own. What the other version is says
    the hook; that of our reference plugin is the same binary with another `--scheme` of wrapping.
    """
    plane = make_control_plane(ControlPlaneOptions())
    spec, namespace = plane.plugin.spec, new_namespace(plane, proof)
    other = dataclasses.replace(spec, argv=spec.hook_words(_OTHER))
    secrets = write_secrets(plane, proof, namespace, _SECRETS)
    for version, name in ((other, "the other version"), (spec, "the first version again")):
        plane.plugin.spec = version
        plane.plugin.stop()
        plane.plugin.start()  # not by the hook restart, which knows nothing of the other command
        restart_unwaited(plane)
        await_readable(plane, proof, secrets, f"by {name}")
        plane.server.wait_ready()
        written = write_secrets(plane, proof, namespace, _SECRETS)
        secrets += written
        _prove_own_seed(plane, proof, written, name)


def _prove_own_seed(plane: ControlPlane, proof: ProofRecorder, written: list[Secret], name: str) -> None:
    """What a version wrote is under a seed that it wrapped itself, so the next one has something foreign to read."""
    keys = {secret.key for secret in written}
    own, foreign = set[bytes](), set[bytes]()
    for value in under(plane):
        (own if value.key in keys else foreign).add(decoded(value).encrypted_dek_source)
    proof.that(f"seeds that {name} shares with another", observed=len(own & foreign), wanted=0)
