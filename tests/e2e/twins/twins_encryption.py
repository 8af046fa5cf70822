"""What is broken for the later scenarios of family B."""

from __future__ import annotations

from typing import Final

from pipeline.core.encryption import EncryptionConfiguration, Identity, ResourceRule
from pipeline.harness.control_plane import ControlPlane
from tests.e2e.twins.breaks import Sabotage, undo_changes


def write_plain(plane: ControlPlane) -> None:
    """Put `identity` first in every rule; what the start has encrypted can still be read."""
    rules = plane.configuration().rules
    plain = [
        ResourceRule(rule.resources, (Identity(), *(p for p in rule.providers if p != Identity()))) for rule in rules
    ]
    plane.server.write_configuration(EncryptionConfiguration(tuple(plain)))
    plane.restart_api_server()


ENCRYPTION: Final[dict[str, Sabotage]] = {
    "B27": Sabotage(plane=write_plain),
    "B28": Sabotage(plane=write_plain),
    "B29": Sabotage(plane=write_plain),
    "B30": Sabotage(plane=undo_changes),
    "B70": Sabotage(plugin_fault="logs-plaintext"),
}
