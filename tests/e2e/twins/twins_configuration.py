"""What is broken for each scenario of family E."""

from __future__ import annotations

from typing import Final

from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.kube_apiserver import KubeApiServer
from tests.e2e.twins.breaks import Sabotage, skip_one_update


def no_reload(plane: ControlPlane) -> None:
    """Switch automatic reload off in every API server that the scenario adds."""
    make = plane.make_server

    def making(name: str, *flags: str) -> KubeApiServer:
        return make(name, *flags, "--encryption-provider-config-automatic-reload=false")

    plane.make_server = making  # type: ignore[method-assign] # breaking it is the purpose


def no_faults(plane: ControlPlane) -> None:
    """Let the proxy ignore the faults it is given."""
    plane.proxy.faults.set = lambda *_: None  # type: ignore[method-assign] # breaking it is the purpose


CONFIGURATION: Final[dict[str, Sabotage]] = {
    "E49": Sabotage(plane=no_reload),
    "E50": Sabotage(plane=no_reload),
    "E51": Sabotage(plane=skip_one_update),
    "E52": Sabotage(plane=skip_one_update),
    "E53": Sabotage(plane=skip_one_update),
    "E54": Sabotage(plane=no_faults),
    "E55": Sabotage(plugin_fault="newest-key-only"),
    "E70": Sabotage(plane=skip_one_update),
}
