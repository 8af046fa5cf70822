"""B20b: what lies on etcd's disk and in its backups, without etcd."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.snapshot import save_snapshot
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.support import Secret, new_namespace, sealed, write_secrets

_OBJECTS: Final = 5


@scenario(
    Scenario(
        id="B20b",
        title="neither etcd's files nor a backup hold plaintext",
        level=Level.MUST,
        source="kubernetes/kubernetes issues 49565 and 58361: data thought encrypted lay plain in etcd and its backups",
        subject=Subject.KUBE_APISERVER,
        plane="encryption",
        twin=Twin(breaks="configuration: identity before the plugin", reason="plaintext in"),
    )
)
def scenario_files(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """Every byte of etcd's data folder (write-ahead log, database) and of a snapshot is searched for the values.

    The ciphertexts are searched for too and must be found, so that a search of nothing cannot pass.
    """
    plane = control_plane
    secrets = write_secrets(plane, proof, new_namespace(plane, proof), _OBJECTS)
    backup = plane.supervisor.folder / "b20b.snapshot"
    save_snapshot(plane.etcd.socket, backup)
    plain = [secret.name for secret in secrets if _holds(_files(plane, backup), secret)]
    proof.that("plaintext in etcd's files and the backup", observed=plain, wanted=[])
    for name, files in (("etcd's files", _files(plane)), ("the backup", iter([backup]))):
        contents = [file.read_bytes() for file in files]
        found = sum(any(sealed(plane, item.key).encrypted_data in data for data in contents) for item in secrets)
        proof.that(f"ciphertexts found in {name}", observed=found, wanted=len(secrets))


def _files(plane: ControlPlane, *more: Path) -> Iterator[Path]:
    yield from (path for path in sorted(plane.etcd_data.rglob("*")) if path.is_file())
    yield from more


def _holds(files: Iterator[Path], secret: Secret) -> bool:
    forms = (secret.value, base64.b64encode(secret.value))
    return any(form in data for data in (file.read_bytes() for file in files) for form in forms)
