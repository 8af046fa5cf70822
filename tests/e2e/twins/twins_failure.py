"""What is broken for each scenario of family D."""

from __future__ import annotations

from typing import Final

from pipeline.core.encryption import Identity, encrypt
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.proxy import EditStatus, Error, Fault, FaultProxy, RenameKey
from pipeline.suite.failure.sides import Sides
from tests.e2e.twins.breaks import Break, Sabotage


def instead(proxy: FaultProxy, *others: Fault) -> None:
    """Put other faults in place of each that the scenario sets from now on."""
    original = proxy.faults.set
    proxy.faults.set = lambda *_: original(*others)  # type: ignore[method-assign] # breaking it is the purpose


def side(name: str, *others: Fault) -> Break:
    """Put other faults in place of those of one side."""

    def broken(plane: ControlPlane) -> None:
        sides = plane.options.configure
        assert isinstance(sides, Sides)
        instead(sides.sides[name].proxy, *others)

    return broken


def sticky(*always: Fault) -> Break:
    """Add faults to all that the scenario sets, and leave them when it clears."""

    def broken(plane: ControlPlane) -> None:
        original = plane.proxy.faults.set
        plane.proxy.faults.set = lambda *own: original(*own, *always)  # type: ignore[method-assign] # on purpose

    return broken


def no_faults(plane: ControlPlane) -> None:
    """Let the scenario's faults have no effect."""
    instead(plane.proxy)


def never_healed(plane: ControlPlane) -> None:
    """Leave the scenario's faults when it clears them."""
    plane.proxy.faults.clear = lambda: None  # type: ignore[method-assign] # breaking it is the purpose


def plain(plane: ControlPlane) -> None:
    """Store Secrets plain."""
    plane.server.write_configuration(encrypt(["secrets"], Identity(), plane.provider))
    plane.restart_api_server()


def undamaged(plane: ControlPlane) -> None:
    """Keep etcd's values as they are."""
    plane.etcd.put = lambda key, value: None  # type: ignore[method-assign] # breaking it is the purpose


FAILURE: Final[dict[str, Sabotage]] = {
    "D41": Sabotage(plane=sticky(EditStatus(healthz="broken by the twin"))),
    "D42": Sabotage(plane=side("error", Error(methods=("Status",), every_nth=2))),
    "D43": Sabotage(plane=sticky(Error("PERMISSION_DENIED"))),
    "D44": Sabotage(plane=plain),
    "D45": Sabotage(plane=side("five")),
    "D46": Sabotage(hooks={"break_backend": ("true",), "heal_backend": ("true",)}),
    "D81": Sabotage(hooks={"hang_backend": ("true",), "heal_backend": ("true",)}),
    "D48": Sabotage(plane=undamaged),
    "D70": Sabotage(plane=never_healed),
    "D71": Sabotage(plane=side("half-open")),
    "D72": Sabotage(plane=side("flapping", Error(methods=("Status",)))),
    "D73": Sabotage(plane=side("unhealthy", Error("PERMISSION_DENIED"))),
    "D74": Sabotage(plane=side("version", Error("PERMISSION_DENIED"))),
    "D75": Sabotage(plane=side("mismatch", RenameKey())),
    "D76": Sabotage(plugin_fault="keeps-stale-socket"),
    "D77": Sabotage(plane=side("two")),
    "D78": Sabotage(plane=no_faults),
    "D80": Sabotage(plane=undamaged),
    "D79": Sabotage(plane=sticky(Error(methods=("Decrypt",)))),
}
