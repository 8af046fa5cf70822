"""Hold a TCP port for a server that can neither inherit a listener nor listen on port 0."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Final, Self

from pipeline.errors import MachineError

LOOPBACK: Final = "127.0.0.1"


def assert_loopback() -> None:
    """Assert that a server on loopback can be reached; in a fresh network namespace the interface is down.

    Raises: MachineError.
    """
    try:
        with socket.create_server((LOOPBACK, 0)) as server, socket.create_connection(server.getsockname(), timeout=5):
            return
    except OSError as error:
        raise MachineError(
            "kube-apiserver could not be reached on the loopback interface",
            seen=str(error),
            wanted=f"a connection to {LOOPBACK}",
            where="this network namespace",
            next_step="switch it on: ip link set lo up",
        ) from error


class ReservedPort:
    """A loopback port that nobody else gets, held by a bound socket that never listens.

    kube-apiserver binds the same port with SO_REUSEPORT (`--permit-port-sharing`); since the holder never
    listens, every connection goes to kube-apiserver. Between choosing a port and using it there is no gap.
    """

    def __init__(self, address: str = LOOPBACK) -> None:
        """Bind a free port of `address`."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._socket.bind((address, 0))
        self.address = address
        self.number: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the port back."""
        self.close()

    def close(self) -> None:
        """Give the port back. May be called twice."""
        self._socket.close()
