"""Further ways to break a running control plane, each with another effect than the first twin of its scenario."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.core.encryption import EncryptionConfiguration, Identity, ResourceRule, encrypt
from pipeline.harness.api import Reply, secret_key
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.etcd import EtcdValue
from pipeline.harness.kms import StatusReply
from pipeline.harness.proxy import Error
from pipeline.harness.storage import decode, encode
from pipeline.suite.configuration.reload import RELOADS
from pipeline.suite.failure.sides import Sides
from pipeline.suite.lifecycle import scenarios_denied
from pipeline.suite.stores import named
from pipeline.suite.support import CREATED, await_fresh_status
from tests.e2e.twins.breaks import Break
from tests.e2e.twins.twins_failure import never_healed


def vanishing_values(plane: ControlPlane) -> None:
    """Delete the raw value of each Secret as soon as it is created."""
    create = plane.api.create_secret

    def creating(namespace: str, name: str, data: Mapping[str, bytes]) -> Reply:
        reply = create(namespace, name, data)
        plane.etcd.delete(secret_key(namespace, name))
        return reply

    plane.api.create_secret = creating  # type: ignore[method-assign] # breaking it is the purpose


def other_name(plane: ControlPlane) -> None:
    """Give the provider another name in the configuration."""
    plane.server.write_configuration(encrypt(["secrets"], named(plane, "another"), Identity()))
    plane.restart_api_server()


def configuration_stays(plane: ControlPlane) -> None:
    """Let kube-apiserver keep the configuration that it began with."""
    plane.server.write_configuration = lambda configuration: None  # type: ignore[method-assign] # on purpose


def restarted_half_way(plane: ControlPlane) -> None:
    """Restart kube-apiserver between the writes, when its health is looked at, so that it makes a second seed."""
    get, looks = plane.api.get, itertools.count()

    def getting(path: str) -> Reply:
        if path == "/readyz/kms-providers" and next(looks) == 0:
            plane.restart_api_server()
        return get(path)

    plane.api.get = getting  # type: ignore[method-assign] # breaking it is the purpose


def written_twice(plane: ControlPlane) -> None:
    """Write each Secret once more, with a label, as soon as it is created."""
    create = plane.api.create_secret

    def creating(namespace: str, name: str, data: Mapping[str, bytes]) -> Reply:
        reply = create(namespace, name, data)
        path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        plane.api.update(path, {**reply.body, "metadata": {**reply.metadata, "labels": {"twice": "yes"}}})
        return reply

    plane.api.create_secret = creating  # type: ignore[method-assign] # breaking it is the purpose


def rotated_before_updates(plane: ControlPlane) -> None:
    """Rotate the key before each update, and let kube-apiserver see that."""
    update = plane.api.update

    def updating(path: str, document: Mapping[str, object]) -> Reply:
        plane.plugin.hook("rotate")
        await_fresh_status(plane)
        return update(path, document)

    plane.api.update = updating  # type: ignore[method-assign] # breaking it is the purpose


def rules(*, without: str) -> Break:
    """Leave one resource out of the configuration."""

    def broken(plane: ControlPlane) -> None:
        kept = []
        for rule in plane.configuration().rules:
            resources = tuple(resource for resource in rule.resources if resource != without)
            if resources:
                kept.append(ResourceRule(resources, rule.providers))
        plane.server.write_configuration(EncryptionConfiguration(tuple(kept)))
        plane.restart_api_server()

    return broken


def dropped_connections(plane: ControlPlane) -> None:
    """Cut kube-apiserver's connection to the plugin, and wait for the Status for which it makes another."""
    plane.proxy.drop_connections()
    await_fresh_status(plane)


def first_seed_again(plane: ControlPlane) -> None:
    """Show every raw value with the wrapped seed of the first one read."""
    get, first = plane.etcd.get, list[bytes]()

    def getting(key: str) -> EtcdValue | None:
        value = get(key)
        if value is None or not key.startswith("/registry/secrets/"):
            return value
        stored = decode(value.value)
        first.append(stored.encrypted_dek_source)
        shown = dataclasses.replace(stored, encrypted_dek_source=first[0])
        return dataclasses.replace(value, value=encode(shown))

    plane.etcd.get = getting  # type: ignore[method-assign] # breaking it is the purpose


def one_value_put_back(plane: ControlPlane) -> None:
    """Put the old raw value of the first updated Secret back, as a restored backup of one object would."""
    update, numbers = plane.api.update, itertools.count()

    def updating(path: str, document: Mapping[str, object]) -> Reply:
        _, _, _, _, namespace, resource, name = path.split("/")
        old = plane.etcd.get(f"/registry/{resource}/{namespace}/{name}")
        reply = update(path, document)
        if old is not None and next(numbers) == 0:
            plane.etcd.put(old.key, old.value)
        return reply

    plane.api.update = updating  # type: ignore[method-assign] # breaking it is the purpose


def restarted_when_healed(plane: ControlPlane) -> None:
    """Restart kube-apiserver as soon as the faults are taken away; over unreadable objects its start takes a minute."""
    clear = plane.proxy.faults.clear

    def clearing() -> None:
        clear()
        plane.server.stop()
        plane.server.start()

    plane.proxy.faults.clear = clearing  # type: ignore[method-assign] # breaking it is the purpose


def restarted_for_the_plugin(plane: ControlPlane) -> None:
    """Restart kube-apiserver when the plugin starts, as somebody might who believes it has to be."""
    start = plane.plugin.start

    def starting() -> StatusReply:
        reply = start()
        plane.server.stop()
        plane.server.start()
        return reply

    plane.plugin.start = starting  # type: ignore[method-assign] # breaking it is the purpose


def sides_never_heal(plane: ControlPlane) -> None:
    """Leave the faults of every side when they should be taken away."""
    sides = plane.options.configure
    assert isinstance(sides, Sides)
    sides.heal = lambda: None  # type: ignore[method-assign] # breaking it is the purpose


def damaged_neighbours(plane: ControlPlane) -> None:
    """Flip a bit in all other values of a namespace too when one of them is damaged."""
    put, done = plane.etcd.put, set[str]()

    def putting(key: str, value: bytes) -> None:
        for other in list(plane.etcd.prefix(key.rpartition("/")[0] + "/")):
            if other.key not in {key, *done}:
                stored = decode(other.value)
                data = stored.encrypted_data[:-1] + bytes([stored.encrypted_data[-1] ^ 1])
                put(other.key, encode(dataclasses.replace(stored, encrypted_data=data)))
            done.add(other.key)
        put(key, value)

    plane.etcd.put = putting  # type: ignore[method-assign] # breaking it is the purpose


def nothing_restored(plane: ControlPlane) -> None:
    """Stop kube-apiserver for the restore, and restore nothing."""

    def restoring(snapshot: Path) -> None:
        plane.server.stop()

    plane.restore_etcd = restoring  # type: ignore[method-assign] # breaking it is the purpose


def half_is_stored(plane: ControlPlane) -> None:
    """Put only every second of many values into etcd."""
    put_many = plane.etcd.put_many

    def putting(values: Sequence[tuple[str, bytes]]) -> None:
        put_many(list(values)[::2])

    plane.etcd.put_many = putting  # type: ignore[method-assign] # breaking it is the purpose


def denied_for_ever(plane: ControlPlane) -> None:
    """Go on denying when the writes of the cached seed have ended, after three minutes."""
    scenarios_denied.DENIED_S = 210.0
    never_healed(plane)


def copied_into_config_map(plane: ControlPlane) -> None:
    """Copy each Secret's value into a ConfigMap, which nobody encrypts, as careless tools do."""
    create = plane.api.create_secret

    def creating(namespace: str, name: str, data: Mapping[str, bytes]) -> Reply:
        copy = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        text = {key: value.decode() for key, value in data.items()}
        plane.api.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", {**copy, "data": text})
        return create(namespace, name, data)

    plane.api.create_secret = creating  # type: ignore[method-assign] # breaking it is the purpose


def swapped_after_migration(plane: ControlPlane) -> None:
    """Swap the raw values of two Secrets as soon as a StorageVersionMigration has ended."""
    get, seen = plane.api.get, itertools.count()

    def getting(path: str) -> Reply:
        reply = get(path)
        if "/storageversionmigrations/" in path and '"Succeeded"' in reply.text and next(seen) == 0:
            first, second = itertools.islice(plane.etcd.prefix("/registry/secrets/kms-"), 2)
            plane.etcd.put(first.key, second.value)
            plane.etcd.put(second.key, first.value)
        return reply

    plane.api.get = getting  # type: ignore[method-assign] # breaking it is the purpose


def request_is_lost(plane: ControlPlane) -> None:
    """Lose the options of each deletion."""
    request = plane.api.request

    def requesting(method: str, path: str, body: object = None, *, content_type: str = "application/json") -> Reply:
        return request(method, path, None if method == "DELETE" else body, content_type=content_type)

    plane.api.request = requesting  # type: ignore[method-assign] # breaking it is the purpose


def unreadable_once_reloaded(plane: ControlPlane) -> None:
    """Let Decrypt fail from the moment on at which somebody looks for the first reload."""
    total = plane.server.api.total

    def totalling(name: str, **labels: str) -> float:
        if name == RELOADS:
            plane.proxy.faults.set(Error(methods=("Decrypt",)))
        return total(name, **labels)

    plane.server.api.total = totalling  # type: ignore[method-assign] # breaking it is the purpose


def somebody_listens(plane: ControlPlane) -> None:
    """Lead the socket on which nobody should listen to the plugin, so that the bad configuration is a good one."""
    (plane.supervisor.folder / "nobody.sock").symlink_to(plane.plugin.socket)


def refusals_are_hidden(plane: ControlPlane) -> None:
    """Answer each write that kube-apiserver refuses for its write lifetime as if it had been done."""
    request = plane.api.request

    def requesting(method: str, path: str, body: object = None, *, content_type: str = "application/json") -> Reply:
        reply = request(method, path, body, content_type=content_type)
        return Reply(CREATED, reply.text) if method == "POST" and "expired at" in reply.text else reply

    plane.api.request = requesting  # type: ignore[method-assign] # breaking it is the purpose
