"""What a proxy has seen: every call with its time, keyID, result and the faults that hit it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from pipeline.core.result import KmsCall, to_json
from pipeline.harness.evidence import append_line
from pipeline.harness.kms import kms_v2_pb2
from pipeline.harness.kms.contract import API_VERSIONS, HEALTHY, key_id_problem

Kind = TypeVar("Kind", bound=Message)


class CallRecord:
    """The ended calls of one proxy, in memory and, with `path`, in a file as they end. Thread-safe."""

    def __init__(self, plane: str, path: Path | None) -> None:
        """Begin with nothing seen."""
        self.plane = plane
        self.last_good_status_at = 0.0
        self._path = path
        self._calls: list[KmsCall] = []
        self._lock = threading.Lock()

    @property
    def calls(self) -> tuple[KmsCall, ...]:
        """Return the calls in the order in which they ended."""
        with self._lock:
            return tuple(self._calls)

    def add(self, call: KmsCall, reply: bytes) -> None:
        """Keep a call that ended with this reply (empty when there was none)."""
        if call.method == "Status" and call.code == "OK" and _is_good(reply):
            self.last_good_status_at = call.at + call.duration_s
        with self._lock:
            self._calls.append(call)
        if self._path is not None:
            append_line(self._path, to_json(call))


def uid_of(method: str, request: bytes) -> str:
    """Return the uid of a request, empty when it has none or is malformed."""
    if method == "Encrypt":
        return _read(kms_v2_pb2.EncryptRequest, request).uid
    if method == "Decrypt":
        return _read(kms_v2_pb2.DecryptRequest, request).uid
    return ""


def key_id_of(method: str, request: bytes, reply: bytes) -> str:
    """Return the keyID a call was about, as kube-apiserver saw it; empty when there is none."""
    if method == "Decrypt":
        return _read(kms_v2_pb2.DecryptRequest, request).key_id
    if method == "Encrypt":
        return _read(kms_v2_pb2.EncryptResponse, reply).key_id
    return _read(kms_v2_pb2.StatusResponse, reply).key_id if method == "Status" else ""


def _read(kind: type[Kind], data: bytes) -> Kind:
    try:
        return kind.FromString(data)
    except DecodeError:
        return kind()


def _is_good(reply: bytes) -> bool:
    """Tell whether kube-apiserver would call this Status healthy."""
    status = _read(kms_v2_pb2.StatusResponse, reply)
    return status.healthz == HEALTHY and status.version in API_VERSIONS and not key_id_problem(status.key_id)
