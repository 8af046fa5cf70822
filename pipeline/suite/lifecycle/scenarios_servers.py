"""F59 to F59c: several API servers on one etcd: staggered rotation, and the safe order of a change of provider."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
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


def _staggered(number: str, servers: str) -> Scenario:
    return Scenario(
        id=number,
        title=f"{servers} API servers with plugins of their own converge after a staggered rotation",
        level=Level.SHOULD,
        source="KEP-3299: rotation with several API servers; kubernetes issue 138950 (servers that disagree)",
        subject=Subject.PROCEDURE,
        hooks=("rotate",),
        deadline_s=420.0,
        fast=False,
        waits=True,
        twin=Twin(breaks="proxy of the first server: Decrypt fails", reason="by kube-apiserver .*not readable"),
    )


@scenario(_staggered("F59", "two"))
def scenario_staggered_rotation(
    make_control_plane: MakeControlPlane, scenario_equipment: Equipment, proof: ProofRecorder
) -> None:
    """One server takes the new key up, then the other; each reads what the other wrote at every stage.

    The plugins are instances on one backend. The time between the first and the last first use is reported.
    """
    _stagger(make_control_plane, scenario_equipment, proof, more_servers=1)


@scenario(_staggered("F59c", "three"))
def scenario_staggered_rotation_of_three(
    make_control_plane: MakeControlPlane, scenario_equipment: Equipment, proof: ProofRecorder
) -> None:
    """The same with three servers and three plugins, as in a control plane of three nodes."""
    _stagger(make_control_plane, scenario_equipment, proof, more_servers=2)


def _stagger(make: MakeControlPlane, equipment: Equipment, proof: ProofRecorder, *, more_servers: int) -> None:
    plane = make(ControlPlaneOptions())
    servers = [plane.server]
    with ExitStack() as stack:
        servers += [_server_with_plugin(plane, equipment, 2 + number, stack) for number in range(more_servers)]
        for server in servers[1:]:
            server.wait_ready()
        _prove_convergence(plane, servers, proof)


def _server_with_plugin(plane: ControlPlane, equipment: Equipment, number: int, stack: ExitStack) -> KubeApiServer:
    """Start one more API server with a proxy and an instance of the plugin of its own."""
    plugin = plane.plugin.sibling(f"kms-plugin-{number}")
    plugin.start()
    stack.callback(plugin.client.close)
    name, listen = f"{plane.name}-server-{number}", plane.supervisor.folder / f"kms-{number}.sock"
    calls = equipment.evidence.calls(name)
    stack.enter_context(FaultProxy(listen=listen, upstream=plugin.socket, plane=name, calls_path=calls))
    server = plane.make_server(f"kube-apiserver-{number}")
    server.write_configuration(encrypt(["secrets"], KmsProvider(plane.options.provider, f"unix://{listen}")))
    server.start()
    return server


def _prove_convergence(plane: ControlPlane, servers: Sequence[KubeApiServer], proof: ProofRecorder) -> None:
    namespace = new_namespace(plane, proof)
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
    seen_s = ", ".join(f"{one_s:.1f} s" for one_s in used_s)
    proof.that(
        "convergence window (reported)",
        observed=f"{used_s[-1] - used_s[0]:.1f} s; the servers used the new key {seen_s} after the rotation",
        wanted="reported",
        holds=True,
    )


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
