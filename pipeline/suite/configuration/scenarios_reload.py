"""E49 and E50: a changed configuration is loaded without a restart, and a bad one is not."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.encryption import EncryptionConfiguration, KmsProvider, Provider, encrypt
from pipeline.core.result import Level, Subject
from pipeline.harness.api import secret_path
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions
from pipeline.harness.kube_apiserver import KubeApiServer
from pipeline.suite.configuration.reload import (
    Place,
    await_reloads,
    content_hash,
    delete_and_create,
    loaded_hashes,
    reloads,
    replace_by_rename,
    switch_link,
    truncate_and_write,
)
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import assert_readable, create_in, form_of, named
from pipeline.suite.support import OK, Secret, new_namespace, raw

# Several API servers start at once, then two waits for a poll follow; a machine may be busy with other planes.
_DEADLINE_S: Final = 330.0
_OTHER: Final = "other"
_CANARY_BYTES: Final = 24

MakePlane = Callable[[ControlPlaneOptions], ControlPlane]


@dataclass(frozen=True, slots=True)
class _Change:
    """What one API server goes through: how its file is changed, its providers before and after (first writes)."""

    what: str
    place: Place
    before: tuple[str, ...]
    after: tuple[str, ...]


_FIRST: Final = "kms-e2e"
_CHANGES: Final = (
    _Change("add", truncate_and_write, (_FIRST,), (_FIRST, _OTHER)),
    _Change("reorder", replace_by_rename, (_FIRST, _OTHER), (_OTHER, _FIRST)),
    _Change("remove", delete_and_create, (_OTHER, _FIRST), (_OTHER,)),
    _Change("exchange", switch_link, (_FIRST,), (_OTHER,)),
)


@dataclass(frozen=True, slots=True)
class _Case:
    """An API server with its change."""

    change: _Change
    server: KubeApiServer


@scenario(
    Scenario(
        id="E49",
        title="providers are added, reordered and removed without a restart, however the file is changed",
        level=Level.MUST,
        source="k8s.io: --encryption-provider-config-automatic-reload; apiserver encryptionconfig/controller.go",
        subject=Subject.KUBE_APISERVER,
        deadline_s=_DEADLINE_S,
        fast=False,
        waits=True,
        twin=Twin(breaks="kube-apiserver: automatic reload is off", reason="automatic_reloads_total"),
    )
)
def scenario_hot_reload(make_control_plane: MakePlane, proof: ProofRecorder) -> None:
    """Four API servers on one etcd, each with its own change: metrics, the prefix of new objects, what it can read."""
    plane = make_control_plane(ControlPlaneOptions(configure=lambda provider: encrypt(["secrets"], provider)))
    cases = _start(plane)
    namespace = new_namespace(plane, proof)
    canaries = _canaries(plane, proof, cases, namespace)
    for case in cases:
        _assert_reads(proof, case, canaries, case.change.before, "before")
        case.change.place(case.server.configuration_path, _configuration(plane, case.change.after).to_json())
    await_reloads(plane, proof, [case.server for case in cases], "success")
    for case in cases:
        _assert_loaded(plane, proof, case)
        _assert_writes(plane, proof, case, namespace)
        _assert_reads(proof, case, canaries, case.change.after, "after")


def _start(plane: ControlPlane) -> list[_Case]:
    """Start the API servers side by side, while nothing is stored that one of them could not read."""
    first, *others = _CHANGES
    cases = [_Case(change, plane.make_server(change.what)) for change in others]
    for case in cases:
        case.change.place(case.server.configuration_path, _configuration(plane, case.change.before).to_json())
        case.server.start()
    for case in cases:
        case.server.wait_ready()
    return [_Case(first, plane.server), *cases]


def _configuration(plane: ControlPlane, names: Sequence[str]) -> EncryptionConfiguration:
    return encrypt(["secrets"], *(named(plane, name) for name in names))


def _canaries(plane: ControlPlane, proof: ProofRecorder, cases: Sequence[_Case], namespace: str) -> dict[str, Secret]:
    """Write one Secret with each provider; each API server writes with its first one."""
    writers = {case.change.before[0]: case for case in cases}
    canaries = {}
    for provider, case in writers.items():
        secret = create_in(case.server.api, proof, _secret(namespace, f"by-{provider}"))
        proof.that(f"{secret.name} is stored", observed=form_of(raw(plane, secret.key)), wanted=f"kms:v2:{provider}")
        canaries[provider] = secret
    return canaries


def _assert_loaded(plane: ControlPlane, proof: ProofRecorder, case: _Case) -> None:
    wanted = content_hash(_configuration(plane, case.change.after).to_json())
    what = f"{case.change.what}: last_config_info after {case.change.place.__name__}"
    proof.that(what, observed=loaded_hashes(case.server), wanted={wanted})
    proof.that(f"{case.change.what}: failed reloads", observed=reloads(case.server, "failure"), wanted=0.0)


def _assert_writes(plane: ControlPlane, proof: ProofRecorder, case: _Case, namespace: str) -> None:
    secret = create_in(case.server.api, proof, _secret(namespace, f"after-{case.change.what}"))
    wanted = f"kms:v2:{case.change.after[0]}"
    proof.that(f"{case.change.what}: a new Secret is stored", observed=form_of(raw(plane, secret.key)), wanted=wanted)
    assert_readable(case.server.api, proof, [secret], f"after {case.change.what}")


def _assert_reads(
    proof: ProofRecorder, case: _Case, canaries: dict[str, Secret], providers: Sequence[str], when: str
) -> None:
    """Prove that exactly the objects of the configured providers are readable."""
    for provider, secret in canaries.items():
        reply = case.server.api.get(secret_path(secret.namespace, secret.name))
        proof.that(
            f"{case.change.what}, {when}: GET of an object of {provider} succeeds",
            observed=reply.status == OK,
            wanted=provider in providers,
        )


def _secret(namespace: str, name: str) -> Secret:
    return Secret(namespace, name, os.urandom(_CANARY_BYTES).hex().encode())


def _broken_syntax(plane: ControlPlane) -> str:
    return _configuration(plane, (_OTHER, _FIRST)).to_json()[:-4]


def _dead_socket(plane: ControlPlane) -> str:
    dead = KmsProvider("dead", f"unix://{plane.supervisor.folder}/nobody.sock", timeout_s=1.0)
    return _with(dead, plane.provider)


def _same_name(plane: ControlPlane) -> str:
    return _with(plane.provider, plane.provider)


def _with(*providers: Provider) -> str:
    return encrypt(["secrets"], *providers).to_json()


_BAD: Final = {"syntax": _broken_syntax, "dead-socket": _dead_socket, "duplicate-name": _same_name}


@scenario(
    Scenario(
        id="E50",
        title="a bad configuration is refused, the old one stays, and a good one is loaded afterwards",
        level=Level.MUST,
        source="apiserver encryptionconfig/controller.go validateNewTransformersHealth; validation_encryption.go",
        subject=Subject.KUBE_APISERVER,
        deadline_s=_DEADLINE_S,
        fast=False,
        waits=True,
        twin=Twin(breaks="kube-apiserver: automatic reload is off", reason='status="failure"'),
    )
)
def scenario_bad_reload(make_control_plane: MakePlane, proof: ProofRecorder) -> None:
    """Three API servers get a file with broken syntax, a dead socket, a name twice; then all get a good one."""
    plane = make_control_plane(ControlPlaneOptions(configure=lambda provider: encrypt(["secrets"], provider)))
    old, good = _with(plane.provider), _with(named(plane, _OTHER), plane.provider)
    others = [plane.make_server(what) for what in list(_BAD)[1:]]
    for server in others:
        replace_by_rename(server.configuration_path, old)
        server.start()
    servers = dict(zip(_BAD, (plane.server, *others), strict=True))
    for what, server in servers.items():
        server.wait_ready()
        replace_by_rename(server.configuration_path, _BAD[what](plane))
    await_reloads(plane, proof, list(servers.values()), "failure")
    namespace = new_namespace(plane, proof)
    for what, server in servers.items():
        _assert_kept(plane, proof, _Bad(what, server), namespace)
        replace_by_rename(server.configuration_path, good)
    await_reloads(plane, proof, list(servers.values()), "success")
    for what, server in servers.items():
        proof.that(f"{what}: last_config_info", observed=loaded_hashes(server), wanted={content_hash(good)})


@dataclass(frozen=True, slots=True)
class _Bad:
    """An API server with the kind of bad file that it got."""

    what: str
    server: KubeApiServer


def _assert_kept(plane: ControlPlane, proof: ProofRecorder, bad: _Bad, namespace: str) -> None:
    what, server = bad.what, bad.server
    proof.that(f"{what}: successful reloads", observed=reloads(server, "success"), wanted=0.0)
    wanted = {content_hash(_with(plane.provider))}
    proof.that(f"{what}: last_config_info", observed=loaded_hashes(server), wanted=wanted)
    secret = create_in(server.api, proof, _secret(namespace, f"kept-{what}"))
    form = form_of(raw(plane, secret.key))
    proof.that(f"{what}: a new Secret is stored", observed=form, wanted=f"kms:v2:{plane.provider.name}")
    assert_readable(server.api, proof, [secret], f"with a bad file ({what})")
