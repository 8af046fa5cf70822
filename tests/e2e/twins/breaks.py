"""What can be broken: the plugin (a fault of the Python double), its hooks, a running control plane."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.core.plugin_spec import Hook
from pipeline.harness.api import Reply, secret_key
from pipeline.harness.control_plane import ControlPlane, Equipment
from pipeline.harness.proxy import EditStatus, Error, RenameKey
from pipeline.suite.encryption.scenarios_writes import plain_secrets
from tests.doubles.spec import double_spec

Break = Callable[[ControlPlane], None]


@dataclass(frozen=True, slots=True)
class Sabotage:
    """What is broken: the plugin (by a fault of the double), its hooks, or the running control plane."""

    plugin_fault: str = ""
    hooks: Mapping[str, Hook] | None = None
    plane: Break | None = None

    def equipment(self, healthy: Equipment) -> Equipment:
        """Return the equipment with this sabotage."""
        plugin = double_spec(self.plugin_fault) if self.plugin_fault else healthy.plugin
        if self.hooks is not None:
            plugin = dataclasses.replace(plugin, hooks=self.hooks)
        return dataclasses.replace(healthy, plugin=plugin)


def faults(*active: EditStatus | Error | RenameKey) -> Break:
    """Break the plane by faults of its proxy."""
    return lambda plane: plane.proxy.faults.set(*active)


def identity_first(plane: ControlPlane) -> None:
    """Write plain, although the plugin is configured."""
    plane.server.write_configuration(plain_secrets(plane.provider))
    plane.restart_api_server()


def foreign_key_ids(plane: ControlPlane) -> None:
    """Show kube-apiserver other keyIDs than the plugin has."""
    plane.proxy.faults.set(RenameKey())
    plane.restart_api_server()


def churn(plane: ControlPlane) -> None:
    """Show kube-apiserver a new keyID with every Status."""
    plane.proxy.faults.set(RenameKey(churn=True))


def swap_values(plane: ControlPlane) -> None:
    """Swap the raw values of each two Secrets of one namespace as they are created."""
    create, created = plane.api.create_secret, dict[str, str]()

    def creating(namespace: str, name: str, data: Mapping[str, bytes]) -> Reply:
        reply = create(namespace, name, data)
        other, mine = created.get(namespace), secret_key(namespace, name)
        created[namespace] = mine
        if other is not None and (first := plane.etcd.get(other)) and (second := plane.etcd.get(mine)):
            plane.etcd.put(other, second.value)
            plane.etcd.put(mine, first.value)
        return reply

    plane.api.create_secret = creating  # type: ignore[method-assign] # breaking it is the purpose


def foreign_value(plane: ControlPlane) -> None:
    """Replace the raw value of each Secret by another Secret's as soon as it is created."""
    create = plane.api.create_secret
    create("default", "other", {"value": b"another"})

    def creating(namespace: str, name: str, data: Mapping[str, bytes]) -> Reply:
        reply = create(namespace, name, data)
        if other := plane.etcd.get(secret_key("default", "other")):
            plane.etcd.put(secret_key(namespace, name), other.value)
        return reply

    plane.api.create_secret = creating  # type: ignore[method-assign] # breaking it is the purpose


def undo_changes(plane: ControlPlane) -> None:
    """Put the raw value of before back after each update, which a watch shows and nobody asked for."""
    update = plane.api.update

    def updating(path: str, document: Mapping[str, object]) -> Reply:
        _, _, _, _, namespace, resource, name = path.split("/")
        old = plane.etcd.get(f"/registry/{resource}/{namespace}/{name}")
        reply = update(path, document)
        if old is not None:
            plane.etcd.put(old.key, old.value)
        return reply

    plane.api.update = updating  # type: ignore[method-assign] # breaking it is the purpose


def skip_one_update(plane: ControlPlane) -> None:
    """Let the first update be lost, although it is answered with success."""
    update, numbers = plane.api.update, itertools.count()

    def updating(path: str, document: Mapping[str, object]) -> Reply:
        return plane.api.get(path) if next(numbers) == 0 else update(path, document)

    plane.api.update = updating  # type: ignore[method-assign] # breaking it is the purpose
