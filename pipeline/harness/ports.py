"""Hold a TCP port for a server that can neither inherit a listener nor listen on port 0."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self


class ReservedPort:
    """A loopback port that nobody else gets, held by a bound socket that never listens.

    kube-apiserver binds the same port with SO_REUSEPORT (`--permit-port-sharing`); since the holder never
    listens, every connection goes to kube-apiserver. Between choosing a port and using it there is no gap.
    """

    def __init__(self, address: str = "127.0.0.1") -> None:
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
