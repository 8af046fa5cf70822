"""Talking KMS v2: addresses of sockets, a client, and the limits of the contract."""

from pipeline.harness.kms.address import SOCKET_PATH_MAX_BYTES, SocketAddress, parse_address, require_listener
from pipeline.harness.kms.client import (
    DEFAULT_TIMEOUT_S,
    METHODS,
    EncryptReply,
    KmsCallError,
    KmsClient,
    StatusReply,
    explain_unimplemented,
)

__all__ = [
    "DEFAULT_TIMEOUT_S",
    "METHODS",
    "SOCKET_PATH_MAX_BYTES",
    "EncryptReply",
    "KmsCallError",
    "KmsClient",
    "SocketAddress",
    "StatusReply",
    "explain_unimplemented",
    "parse_address",
    "require_listener",
]
