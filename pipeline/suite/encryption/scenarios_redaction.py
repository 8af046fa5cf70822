"""B70: what a whole control plane writes down while it works."""

from __future__ import annotations

from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, Equipment
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import assert_readable
from pipeline.suite.support import new_namespace, sealed, unwrapped, write_secrets
from pipeline.suite.wire.secrets import shapes_in

_OBJECTS: Final = 20


@scenario(
    Scenario(
        id="B70",
        title="neither Secrets nor seeds stand in logs, metrics or the run's own evidence",
        level=Level.SHOULD,
        source="FalcoSuessgott/vault-kubernetes-kms commits 01bfe4b and 1aa89b7 took secrets out of its logs",
        subject=Subject.PROCEDURE,
        plane="encryption",
        twin=Twin(breaks="plugin: logs what it encrypts, as base64", reason=r"secrets found: saw .*kms-plugin\.log"),
    )
)
def scenario_redaction(control_plane: ControlPlane, scenario_equipment: Equipment, proof: ProofRecorder) -> None:
    """20 Secrets written, read and unwrapped; their values and the seed are searched for in several encodings.

    In the logs of etcd, plugin and kube-apiserver, its metrics, the recorded calls and the results so far. The keyID is
    searched for too and must be found, so that a search of nothing cannot pass.
    """
    plane = control_plane
    secrets = write_secrets(plane, proof, new_namespace(plane, proof), _OBJECTS)
    assert_readable(plane.api, proof, secrets, "while logs are written")
    stored = sealed(plane, secrets[0].key)
    seed = unwrapped(plane.plugin, stored.wrapped)
    places = _places(plane, scenario_equipment)
    values = [secret.value for secret in secrets]
    found = [f"{shape} in {place}" for place, data in places.items() for shape in shapes_in(data, [*values, seed])]
    nothing = f"none in {sum(map(len, places.values()))} bytes of {len(places)} places"
    proof.that("secrets found", observed="; ".join(found) or nothing, wanted="none", holds=not found)
    named = sorted(place for place, data in places.items() if stored.key_id.encode() in data)
    proof.that("places in which the keyID is found", observed=", ".join(named), wanted="calls", holds="calls" in named)


def _places(plane: ControlPlane, equipment: Equipment) -> dict[str, bytes]:
    evidence = equipment.evidence
    files = {path.name: path for path in sorted(evidence.logs(plane.name).glob("*.log"))}
    files |= {path.name: path for path in sorted(evidence.folder.glob("*.jsonl"))}
    files["calls"] = evidence.calls(plane.name)
    places = {name: path.read_bytes() for name, path in files.items()}
    return {**places, "metrics": plane.api.metrics().encode()}
