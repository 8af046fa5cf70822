"""The shared control planes of one worker: one at a time, so that memory stays bounded."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions, Equipment


class Planes:
    """Starts the control plane that a scenario names and stops the one before.

    Scenarios of one plane run on one worker one after another (xdist groups), so a plane is started once. One that
    lost a process is started anew for the next scenario.
    """

    def __init__(self) -> None:
        """Start nothing yet."""
        self._current: ControlPlane | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the last control plane."""
        self._close()

    def get(self, name: str, equipment: Equipment, options: ControlPlaneOptions | None = None) -> ControlPlane:
        """Return the running control plane called `name`, made of `equipment` with `options` when it must be started.

        Raises: ProcessError when it does not start.
        """
        self.leave(name)
        if self._current is None or not self._current.alive:
            self._close()
            plane = ControlPlane(name, equipment, options)
            self._current = plane.__enter__()
        return self._current

    def leave(self, name: str) -> None:
        """Stop the running control plane unless it is called `name`: this worker has come to scenarios of another."""
        if self._current is not None and self._current.name != name:
            self._close()

    def _close(self) -> None:
        if self._current is not None:
            self._current.close()
            self._current = None
