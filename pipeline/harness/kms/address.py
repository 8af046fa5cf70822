"""The address of a Unix socket, as people and kube-apiserver write it."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from pipeline.errors import InputError

SOCKET_PATH_MAX_BYTES: Final = 107
"""Longest path of a Unix socket on Linux. Source: unix(7), `sun_path` has 108 bytes with the final NUL."""

_SCHEME: Final = "unix:"
_ABSTRACT_SCHEME: Final = "unix-abstract:"
"""gRPC's own spelling of an abstract name. Source: grpc, doc/naming.md."""
_CONNECT_TIMEOUT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """Where a plugin listens: a file's path, or a name in the abstract namespace (without the `@`)."""

    name: str
    abstract: bool = False

    @property
    def endpoint(self) -> str:
        """Return the address as an EncryptionConfiguration wants it."""
        return f"unix:///@{self.name}" if self.abstract else f"unix://{self.name}"

    @property
    def target(self) -> str:
        """Return the address as gRPC wants it (a URI, so that `%` and blanks are escaped)."""
        return f"unix-abstract:{quote(self.name)}" if self.abstract else f"unix:{quote(self.name)}"

    @property
    def kernel(self) -> str:
        """Return the address as `socket.connect` wants it."""
        return f"\0{self.name}" if self.abstract else self.name

    def __str__(self) -> str:
        """Return the endpoint."""
        return self.endpoint


def parse_address(text: str | os.PathLike[str]) -> SocketAddress:
    """Read a socket's address: `unix:///path`, `unix:/path`, `unix:///@name`, `@name`, gRPC's or a plain path.

    A relative path is taken from the current folder.

    Raises: InputError for an empty address, another scheme, a NUL byte, and more bytes than the kernel takes.
    Source: k8s.io/kms pkg/util/util.go, ParseEndpoint (scheme `unix` alone, `/@` begins an abstract name).
    """
    given = os.fspath(text)
    rest = given
    if given.startswith(_ABSTRACT_SCHEME):
        return _checked(SocketAddress(given.removeprefix(_ABSTRACT_SCHEME), abstract=True), given)
    if given.startswith(_SCHEME):
        rest = given.removeprefix(_SCHEME).removeprefix("//")
    elif "://" in given:
        raise InputError(
            "not the address of a Unix socket",
            seen=given,
            wanted="unix:///path/to/socket or unix:///@abstract-name",
            next_step="kube-apiserver reaches KMS plugins over Unix sockets only; let the plugin listen on one",
        )
    if rest.startswith(("/@", "@")):
        return _checked(SocketAddress(rest.lstrip("/").removeprefix("@"), abstract=True), given)
    return _checked(SocketAddress(str(Path(rest).absolute()) if rest else ""), given)


def require_listener(address: SocketAddress) -> None:
    """Check that a client may connect to the address, before gRPC would only say that a deadline passed.

    Raises: InputError when the file is missing, is no socket, its permissions refuse this user, or nobody listens.
    """
    if not address.abstract:
        _require_socket(address)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_CONNECT_TIMEOUT_S)
            client.connect(address.kernel)
    except ConnectionRefusedError as error:
        raise InputError(
            "no plugin listens there",
            seen="the name is not in use" if address.abstract else "a socket that nobody listens on any more",
            wanted="a listening plugin",
            where=str(address),
            next_step="start the plugin, or correct the address",
        ) from error
    except OSError:
        return  # a full backlog, say: the first call tells more


def _require_socket(address: SocketAddress) -> None:
    path = Path(address.name)
    try:
        mode = path.stat().st_mode
    except PermissionError as error:
        raise _not_permitted(path.parent, error) from error
    except OSError as error:
        raise InputError(
            "no plugin listens there: the socket does not exist",
            seen=error.strerror,
            wanted="a Unix socket",
            where=address.name,
            next_step="start the plugin, or correct the path",
        ) from error
    if not stat.S_ISSOCK(mode):
        raise InputError(
            "not a socket",
            seen=stat.filemode(mode),
            wanted="a Unix socket",
            where=address.name,
            next_step="name the socket that the plugin listens on",
        )
    if not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise _not_permitted(path, None)


def _checked(address: SocketAddress, given: str) -> SocketAddress:
    size_bytes = len(os.fsencode(address.name))
    if not address.name or "\0" in address.name:
        raise InputError("the socket's address is empty or holds a NUL", seen=repr(given), wanted="unix:///path")
    if size_bytes > SOCKET_PATH_MAX_BYTES:
        raise InputError(
            "the socket's path is too long",
            seen=f"{size_bytes} bytes",
            wanted=f"at most {SOCKET_PATH_MAX_BYTES} bytes (unix(7))",
            where=address.name,
            next_step="use a shorter folder, or a symbolic link to it",
        )
    return address


def _not_permitted(path: Path, error: OSError | None) -> InputError:
    try:
        status = path.stat()
        seen = f"{stat.filemode(status.st_mode)}, owner {status.st_uid}:{status.st_gid}; this user is {os.geteuid()}"
    except OSError as again:
        seen = f"{(error or again).strerror}; this user is {os.geteuid()}"
    return InputError(
        "this user may not connect to the socket",
        seen=seen,
        wanted="write permission on the socket and search permission on its folders",
        where=str(path),
        next_step="run as the plugin's user, or let the plugin's group in",
    )
