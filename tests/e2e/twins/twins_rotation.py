"""What is broken for the later scenarios of family C."""

from __future__ import annotations

from typing import Final

from pipeline.harness.api import Reply
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.proxy import RenameKey
from pipeline.host.project import reference_spec
from tests.e2e.twins.breaks import Sabotage, skip_one_update

_REFERENCE_HOOKS: Final = reference_spec().hooks


def restart_with_rotation(plane: ControlPlane) -> None:
    """Restart kube-apiserver in the middle of a rotation, so that its clients are cut off."""
    hook = plane.plugin.hook

    def rotating(name: str, **values: str) -> str:
        output = hook(name, **values)
        plane.restart_api_server()
        return output

    plane.plugin.hook = rotating  # type: ignore[method-assign] # breaking it is the purpose


def agree_on_the_other_key(plane: ControlPlane) -> None:
    """Rename the key in Encrypt as in Status, so that kube-apiserver has no reason to refuse it."""
    original = plane.proxy.faults.set
    plane.proxy.faults.set = (  # type: ignore[method-assign] # breaking it is the purpose
        lambda *active: original(*(RenameKey() for _ in active))
    )


def migrate_config_maps(plane: ControlPlane) -> None:
    """Let each StorageVersionMigration name ConfigMaps instead of what it names."""
    request = plane.api.request

    def requesting(method: str, path: str, body: object = None, *, content_type: str = "application/json") -> Reply:
        if method == "POST" and path.endswith("/storageversionmigrations") and isinstance(body, dict):
            body = {**body, "spec": {"resource": {"group": "", "resource": "configmaps"}}}
        return request(method, path, body, content_type=content_type)

    plane.api.request = requesting  # type: ignore[method-assign] # breaking it is the purpose


def observe_at_once(plane: ControlPlane) -> None:
    """Let kube-apiserver see the new keyID with the rotation, as if somebody had waited for it."""
    plane.proxy.faults.set = lambda *_: None  # type: ignore[method-assign] # breaking it is the purpose
    restart_with_rotation(plane)


ROTATION: Final[dict[str, Sabotage]] = {
    "C34": Sabotage(plane=skip_one_update),
    "C34b": Sabotage(plane=migrate_config_maps),
    "C34c": Sabotage(plane=observe_at_once),
    "C35": Sabotage(plane=skip_one_update),
    "C36": Sabotage(plugin_fault="two-newest-keys"),
    "C37": Sabotage(plugin_fault="reinstates-key-id"),
    "C38": Sabotage(hooks={**_REFERENCE_HOOKS, "disable_old_key": ("true",)}),
    "C39": Sabotage(plane=restart_with_rotation),
    "C40": Sabotage(plane=agree_on_the_other_key),
}
