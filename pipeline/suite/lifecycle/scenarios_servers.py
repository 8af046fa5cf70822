"""F59 to F59c: several API servers on one etcd: staggered rotation, and the safe order of a change of provider."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

from pipeline.core.encryption import KmsProvider, Provider, encrypt
from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions, Equipment
from pipeline.harness.kube_apiserver import KubeApiServer
from pipeline.harness.proxy import EditStatus, FaultProxy
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import assert_all_stored, assert_readable, create_in, named, rewrite_store
from pipeline.suite.support import Secret, alive, new_namespace, reached, rotate, sealed
from pipeline.suite.threads import at_once

_SECOND: Final = "kube-apiserver-2"
# kube-apiserver asks for Status every 60 s while it is good; what a busy machine may take on top.
_IN_USE_TIMEOUT_S: Final = 90.0

MakeControlPlane = Callable[[ControlPlaneOptions], ControlPlane]


@dataclass(frozen=True, slots=True)
class _Node:
    """An API server and the proxy before the plugin of its node."""

    server: KubeApiServer
    proxy: FaultProxy


@dataclass(frozen=True, slots=True)
class _Write:
    """A Secret that was created through a server, answered at `at_s`, and the key under which etcd has it."""

    at_s: float
    server: str
    key_id: str
    secret: Secret


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
        deadline_s=600.0,
        fast=False,
        waits=True,
        twin=Twin(
            breaks="proxy of the first server: Status keeps the old keyID", reason="1 of . servers write with the new"
        ),
    )


@scenario(_staggered("F59", "two"))
def scenario_staggered_rotation(
    make_control_plane: MakeControlPlane, scenario_equipment: Equipment, proof: ProofRecorder
) -> None:
    """One plugin after the other shows the new key; a write through each server every second, judged by etcd's bytes.

    The plugins are instances on one backend, so a proxy keeps the old keyID in each one's Status until its turn. A turn
    ends when this server writes with the new key and those after it still with the old one; then each server reads
    what every other wrote. Nobody looks at readiness, which would make kube-apiserver ask for Status sooner. The
    convergence window is the time from the first write with the new key to the last with the old one.
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
    nodes = [_Node(plane.server, plane.proxy)]
    with ExitStack() as stack:
        nodes += [_node(plane, equipment, 2 + number, stack) for number in range(more_servers)]
        for node in nodes[1:]:
            node.server.wait_ready()
        _prove_convergence(plane, nodes, proof)


def _node(plane: ControlPlane, equipment: Equipment, number: int, stack: ExitStack) -> _Node:
    """Start one more API server with a proxy and an instance of the plugin of its own."""
    plugin = plane.plugin.sibling(f"kms-plugin-{number}")
    plugin.start()
    stack.callback(plugin.client.close)
    name, listen = f"{plane.name}-server-{number}", plane.supervisor.folder / f"kms-{number}.sock"
    calls = equipment.evidence.calls(name)
    proxy = stack.enter_context(FaultProxy(listen=listen, upstream=plugin.socket, plane=name, calls_path=calls))
    server = plane.make_server(f"kube-apiserver-{number}")
    server.write_configuration(encrypt(["secrets"], KmsProvider(plane.options.provider, f"unix://{listen}")))
    server.start()
    return _Node(server, proxy)


def _prove_convergence(plane: ControlPlane, nodes: Sequence[_Node], proof: ProofRecorder) -> None:
    servers, namespace = [node.server for node in nodes], new_namespace(plane, proof)
    old, writes = plane.plugin.client.status().key_id, list[_Write]()
    writes += _write_through_all(plane, servers, proof, namespace)
    _read_everywhere(proof, servers, [write.secret for write in writes], "before the rotation")
    for node in nodes:
        node.proxy.faults.set(EditStatus(key_id=old))
    new = rotate(plane, proof)
    for turn, node in enumerate(nodes, 1):
        node.proxy.faults.clear()
        wanted = [new] * turn + [old] * (len(nodes) - turn)

        def mixed(wanted: list[str] = wanted) -> str | bool:
            latest = _write_through_all(plane, servers, proof, namespace)
            writes.extend(latest)
            seen = [write.key_id for write in latest]
            return seen == wanted or f"not yet: {', '.join('new' if one == new else 'old' for one in seen)}"

        what = f"{turn} of {len(nodes)} servers write with the new key, the others with the old one"
        reached(proof, what, mixed, timeout_s=_IN_USE_TIMEOUT_S, poll_s=1.0, alive=alive(plane))
        examples = {(write.server, write.key_id): write.secret for write in writes}
        _read_everywhere(
            proof, servers, [*examples.values()], f"when {node.server.options.name} writes with the new key"
        )
    _prove_window(proof, writes, old, len(nodes))


def _write_through_all(
    plane: ControlPlane, servers: Sequence[KubeApiServer], proof: ProofRecorder, namespace: str
) -> list[_Write]:
    """Create a Secret through each server at once, and read from etcd under which key each was written."""

    def write(server: KubeApiServer) -> _Write:
        secret = create_in(server.api, proof, _new(namespace))
        return _Write(time.monotonic(), server.options.name, sealed(plane, secret.key).key_id, secret)

    return at_once([partial(write, server) for server in servers])


def _prove_window(proof: ProofRecorder, writes: Sequence[_Write], old: str, servers: int) -> None:
    first_s = {write.server: write.at_s for write in reversed(writes) if write.key_id != old}
    back = [write.server for write in writes if write.key_id == old and write.at_s > first_s[write.server]]
    proof.that("writes with the old key after the new one by the same server", observed=back, wanted=[])
    window_s = max(write.at_s for write in writes if write.key_id == old) - min(first_s.values())
    limit_s = _IN_USE_TIMEOUT_S * (servers - 1)
    proof.that(
        "convergence window: from the first write with the new key to the last with the old one",
        observed=f"{window_s:.1f} s",
        wanted=f"more than 0, at most {limit_s:g} s",
        holds=0 < window_s <= limit_s,
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
