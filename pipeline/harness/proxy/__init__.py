"""A KMS v2 proxy that breaks what it forwards, for suites and for plugins' own tests."""

from pipeline.harness.proxy.edits import (
    Damage,
    EditDecrypt,
    EditEncrypt,
    EditStatus,
    RenameKey,
    oversize_annotations,
)
from pipeline.harness.proxy.faults import (
    ConnectionFault,
    Delay,
    DropConnections,
    Error,
    Fault,
    HalfOpen,
    Hang,
    RateLimit,
    RawReply,
    Refuse,
    WireGarbage,
)
from pipeline.harness.proxy.server import FaultProxy, Faults

__all__ = [
    "ConnectionFault",
    "Damage",
    "Delay",
    "DropConnections",
    "EditDecrypt",
    "EditEncrypt",
    "EditStatus",
    "Error",
    "Fault",
    "FaultProxy",
    "Faults",
    "HalfOpen",
    "Hang",
    "RateLimit",
    "RawReply",
    "Refuse",
    "RenameKey",
    "WireGarbage",
    "oversize_annotations",
]
