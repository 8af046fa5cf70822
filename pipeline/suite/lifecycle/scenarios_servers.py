"""F59 and F59b: two API servers on one etcd: staggered rotation, and the safe order of a change of provider."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Final

from pipeline.core.encryption import KmsProvider, Provider, encrypt
from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions, Equipment
from pipeline.harness.kube_apiserver import KubeApiServer
from pipeline.harness.proxy import FaultProxy
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import assert_all_stored, assert_readable, create_in, named, rewrite_store
from pipeline.suite.support import Secret, alive, new_namespace, reached, rotate, sealed

_SECOND: Final = "kube-apiserver-2"
_IN_USE_TIMEOUT_S: Final = 90.0

MakeControlPlane = Callable[[ControlPlaneOptions], ControlPlane]


def _new(namespace: str) -> Secret:
    return Secret(namespace, f"s-{uuid.uuid4().hex[:8]}", os.urandom(24).hex().encode())


def _read_everywhere(
    proof: ProofRecorder, servers: Sequence[KubeApiServer], secrets: Sequence[Secret], when: str
) -> None:
    for server in servers:
        assert_readable(server.api, proof, secrets, f"by {server.options.name} {when}")


@scenario(
    Scenario(
        id="F59",
        title="two API servers with plugins of their own converge after a staggered rotation",
        level=Level.SHOULD,
        source="KEP-3299: rotation with several API servers; kubernetes issue 138950 (servers that disagree)",
        subject=Subject.PROCEDURE,
        hooks=("rotate",),
        deadline_s=300.0,
        fast=False,
        waits=True,
        twin=Twin(breaks="proxy of the first server: Decrypt fails", reason="by kube-apiserver .*not readable"),
    )
)
def scenario_staggered_rotation(
    make_control_plane: MakeControlPlane, scenario_equipment: Equipment, proof: ProofRecorder
) -> None:
    """One server takes the new key up, then the other; each reads what the other wrote at every stage.

    The plugins are two instances on one backend. The time between the two first uses is reported.
    """
    plane = make_control_plane(ControlPlaneOptions())
    second = plane.plugin.sibling("kms-plugin-2")
    second.start()
    name, listen = f"{plane.name}-second", plane.supervisor.folder / "kms-2.sock"
    calls = scenario_equipment.evidence.calls(name)
    with FaultProxy(listen=listen, upstream=second.socket, plane=name, calls_path=calls):
        other = plane.make_server(_SECOND)
        other.write_configuration(encrypt(["secrets"], KmsProvider(plane.options.provider, f"unix://{listen}")))
        other.start()
        other.wait_ready()
        _prove_convergence(plane, other, proof)
    second.client.close()


def _prove_convergence(plane: ControlPlane, other: KubeApiServer, proof: ProofRecorder) -> None:
    servers, namespace = (plane.server, other), new_namespace(plane, proof)
    secrets = [create_in(server.api, proof, _new(namespace)) for server in servers]
    _read_everywhere(proof, servers, secrets, "before the rotation")
    key_id, rotated = rotate(plane, proof), time.monotonic()
    used_s = []
    for server in servers:

        def uses(server: KubeApiServer = server) -> str | bool:
            server.api.get("/readyz/kms-providers")
            secrets.append(create_in(server.api, proof, _new(namespace)))
            seen = sealed(plane, secrets[-1].key).key_id
            return seen == key_id or f"not yet: new objects have keyID {seen!r}"

        what = f"{server.options.name} writes with the new key"
        reached(proof, what, uses, timeout_s=_IN_USE_TIMEOUT_S, poll_s=1.0, alive=alive(plane))
        used_s.append(time.monotonic() - rotated)
        secrets.extend(create_in(each.api, proof, _new(namespace)) for each in servers)
        _read_everywhere(proof, servers, secrets, f"when {server.options.name} uses the new key")
    window = f"{used_s[0]:.1f} s and {used_s[1]:.1f} s after the rotation"
    proof.that("convergence (reported)", observed=window, wanted="both use the new key", holds=used_s[0] <= used_s[1])


@scenario(
    Scenario(
        id="F59b",
        title="a provider is changed under two API servers without a failing read",
        level=Level.SHOULD,
        source="kubernetes.io, Encrypting data at rest: a new provider is second on every server before it is first",
        subject=Subject.PROCEDURE,
        deadline_s=300.0,
        fast=False,
        twin=Twin(
            breaks="order: the new provider is first on one server before the other has it at all",
            reason="by kube-apiserver-2 with the new provider first on one: not readable",
        ),
    )
)
def scenario_provider_order(make_control_plane: MakeControlPlane, proof: ProofRecorder) -> None:
    """New provider second everywhere, first on one, on both, migration, old one away; all is read at each step."""
    plane = make_control_plane(ControlPlaneOptions(configure=lambda provider: encrypt(["secrets"], provider)))
    old, new = plane.provider, named(plane, "kms-next")
    other, one = plane.make_server(_SECOND), plane.server
    both, namespace = (one, other), new_namespace(plane, proof)
    _configure([other], old)
    secrets = [create_in(server.api, proof, _new(namespace)) for server in both]
    _read_everywhere(proof, both, secrets, "with the old provider")
    _configure(both, old, new)
    _read_everywhere(proof, both, secrets, "with the new provider second")
    _configure([one], new, old)
    secrets += [create_in(server.api, proof, _new(namespace)) for server in both]
    _read_everywhere(proof, both, secrets, "with the new provider first on one")
    _configure([other], new, old)
    rewrite_store(plane, proof)
    assert_all_stored(plane, proof, f"kms:v2:{new.name}")
    _configure(both, new)
    _read_everywhere(proof, both, secrets, "with the old provider removed")


def _configure(servers: Sequence[KubeApiServer], *providers: Provider) -> None:
    """Restart API servers with these providers, in this order."""
    for server in servers:
        server.stop()
        server.write_configuration(encrypt(["secrets"], *providers))
        server.start()
    for server in servers:
        server.wait_ready()
