"""F58: upgrades and rollbacks between two Kubernetes minors on the same etcd data, with one etcd binary."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from pipeline.core.components import PREVIOUS_API_SERVER
from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions
from pipeline.harness.kube_apiserver import ALIAS, ApiServerOptions
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import assert_all_stored, assert_readable, rewrite_quietly
from pipeline.suite.support import Secret, new_namespace, write_secrets

_OBJECTS: Final = 5
_DEADLINE_S: Final = 300.0
_SOURCE: Final = (
    "KEP-4330 compatibility versions; kubernetes.io, Version Skew Policy; KEP-3299: data stay readable over upgrades"
)

MakeControlPlane = Callable[[ControlPlaneOptions], ControlPlane]


def _start(plane: ControlPlane, proof: ProofRecorder, binary: str, *flags: str) -> str:
    """Replace kube-apiserver by another binary on the same data and return its line, such as `1.36`."""
    plane.server.stop()
    plane.server.use(plane.binary(binary), flags)
    plane.server.start()
    plane.server.wait_ready()
    return _line(plane, proof)


def _line(plane: ControlPlane, proof: ProofRecorder) -> str:
    reply = plane.api.get("/version")
    version = str(reply.body.get("gitVersion", ""))
    proof.that("what serves (reported)", observed=version, wanted="its version", holds=version.startswith("v1."))
    return ".".join(re.findall(r"\d+", version)[:2])


def _before(plane: ControlPlane, proof: ProofRecorder) -> tuple[str, str, list[Secret]]:
    """Write with the earlier release; return its line, a namespace and the Secrets."""
    line, namespace = _line(plane, proof), new_namespace(plane, proof)
    return line, namespace, write_secrets(plane, proof, namespace, _OBJECTS)


def _change(plane: ControlPlane, proof: ProofRecorder, namespace: str, secrets: Sequence[Secret]) -> list[Secret]:
    """Read what is there, rewrite half of it and write as much again; everything is stored through the plugin."""
    assert_readable(plane.api, proof, secrets, "after the upgrade")
    for secret in secrets[::2]:
        rewrite_quietly(plane, proof, secret.path)
    written = write_secrets(plane, proof, namespace, _OBJECTS)
    assert_all_stored(plane, proof, f"kms:v2:{plane.provider.name}")
    return [*secrets, *written]


def _unlisted(plane: ControlPlane) -> Iterator[str]:
    """LIST every resource that is served, and yield a line for each whose objects cannot be read."""
    groups = plane.api.get("/apis").body.get("groups", [])
    versions = [group["preferredVersion"]["groupVersion"] for group in groups] if isinstance(groups, list) else []
    for root in ("/api/v1", *(f"/apis/{version}" for version in versions)):
        resources = plane.api.get(root).body.get("resources", [])
        for resource in resources if isinstance(resources, list) else []:
            if "list" in resource["verbs"]:
                reply = plane.api.get(f"{root}/{resource['name']}")
                if not reply.ok:
                    yield f"{root}/{resource['name']}: {reply}"[:200]


@scenario(
    Scenario(
        id="F58",
        title="an upgrade under emulation can be rolled back: both minors read all data",
        level=Level.SHOULD,
        source=_SOURCE,
        subject=Subject.PROCEDURE,
        components=(PREVIOUS_API_SERVER,),
        since="1.35",
        deadline_s=_DEADLINE_S,
        twin=Twin(
            breaks="etcd: a stored Secret is altered after kube-apiserver was replaced",
            reason="after the upgrade: not readable",
        ),
    )
)
def scenario_rollback(make_control_plane: MakeControlPlane, proof: ProofRecorder) -> None:
    """N-1, N emulating N-1 (it stores nothing that N-1 cannot read), N-1 again: every Secret reads back at each step.

    The emulated version is read from /version; after the rollback every resource that is served can be listed.
    """
    plane = make_control_plane(ControlPlaneOptions(api_server=ApiServerOptions(binary=PREVIOUS_API_SERVER)))
    line, namespace, secrets = _before(plane, proof)
    flags = (f"--emulated-version={line}", f"--min-compatibility-version={line}")
    upgraded = _start(plane, proof, ALIAS, *flags)
    emulated = _emulated(plane)
    proof.that("minor that is emulated", observed=emulated, wanted=line)
    secrets = _change(plane, proof, namespace, secrets)
    rolled_back = _start(plane, proof, PREVIOUS_API_SERVER)
    proof.that("minors", observed=[upgraded != line, rolled_back == line], wanted=[True, True])
    assert_readable(plane.api, proof, secrets, "after the rollback")
    proof.that("resources that cannot be listed after the rollback", observed=list(_unlisted(plane)), wanted=[])


def _emulated(plane: ControlPlane) -> str:
    body = plane.api.get("/version").body
    return f"{body.get('emulationMajor')}.{body.get('emulationMinor')}"


@scenario(
    Scenario(
        id="F58c",
        title="a plain upgrade reads all data, and so does the rollback that nobody promises",
        level=Level.INFO,
        source=_SOURCE,
        subject=Subject.PROCEDURE,
        components=(PREVIOUS_API_SERVER,),
        since="1.35",
        deadline_s=_DEADLINE_S,
        twin=Twin(
            breaks="etcd: a stored Secret is altered after kube-apiserver was replaced",
            reason="after the upgrade: not readable",
        ),
    )
)
def scenario_plain_walk(make_control_plane: MakeControlPlane, proof: ProofRecorder) -> None:
    """N-1, N as it is, N-1 again. Secrets must read back at each step; what N-1 cannot list afterwards is reported."""
    plane = make_control_plane(ControlPlaneOptions(api_server=ApiServerOptions(binary=PREVIOUS_API_SERVER)))
    line, namespace, secrets = _before(plane, proof)
    upgraded = _start(plane, proof, ALIAS)
    secrets = _change(plane, proof, namespace, secrets)
    rolled_back = _start(plane, proof, PREVIOUS_API_SERVER)
    proof.that("minors", observed=[upgraded != line, rolled_back == line], wanted=[True, True])
    assert_readable(plane.api, proof, secrets, "after the rollback")
    unlisted = list(_unlisted(plane))
    proof.that(
        "resources that cannot be listed after the rollback (reported)", observed=unlisted, wanted=[], holds=True
    )
