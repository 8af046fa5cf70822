"""A KMS v2 client that behaves towards a plugin as kube-apiserver does.

Unix sockets only, authority `localhost`, no TLS, wait-for-ready, and a deadline of 3 s for each call.
Source: kubernetes/apiserver envelope/kmsv2/grpc_service.go; pkg/apis/apiserver/v1/defaults.go (timeout).
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from pipeline.errors import InputError, ProcessError
from pipeline.harness.kms import kms_v1beta1_pb2, kms_v2_pb2
from pipeline.harness.kms.address import SocketAddress, parse_address

SERVICE: Final = "v2.KeyManagementService"
SERVICE_V1: Final = "v1beta1.KeyManagementService"
METHODS: Final = ("Status", "Encrypt", "Decrypt")
DEFAULT_TIMEOUT_S: Final = 3.0

CHANNEL_OPTIONS: Final = (
    ("grpc.default_authority", "localhost"),
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A test wants to see a restarted plugin at once; kube-apiserver's own back-off is 1 s, growing to 120 s.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 250),
    # Each client has a connection of its own, so that closing it says something about descriptors.
    ("grpc.use_local_subchannel_pool", 1),
)

Reply = TypeVar("Reply", bound=Message)


class KmsCallError(ProcessError):
    """A KMS call did not return a reply. `code` is the gRPC status name, such as `DEADLINE_EXCEEDED`."""

    def __init__(self, method: str, code: str, details: str, where: str) -> None:
        """Keep the status apart from the sentence."""
        super().__init__(f"{method} failed", seen=f"{code}: {details}" if details else code, where=where)
        self.method = method
        self.code = code
        self.details = details


@dataclass(frozen=True, slots=True)
class StatusReply:
    """A plugin's answer to Status."""

    version: str
    healthz: str
    key_id: str


@dataclass(frozen=True, slots=True)
class EncryptReply:
    """A plugin's answer to Encrypt."""

    ciphertext: bytes
    key_id: str
    annotations: Mapping[str, bytes]


class PendingCall:
    """A call under way, for those who want to cancel it or have many at once."""

    def __init__(self, method: str, call: grpc.Future[bytes], where: str) -> None:
        """Wrap gRPC's future."""
        self._method, self._call, self._where = method, call, where

    def cancel(self) -> bool:
        """Give the call up; return whether it was still under way."""
        return bool(self._call.cancel())

    def result(self) -> bytes:
        """Wait for the reply's bytes.

        Raises: KmsCallError when there is none.
        """
        try:
            return self._call.result()
        except grpc.FutureCancelledError as error:
            raise KmsCallError(self._method, "CANCELLED", "given up by the client", self._where) from error
        except grpc.RpcError as error:
            raise KmsCallError(self._method, error.code().name, error.details() or "", self._where) from error


class KmsClient:
    """A connection to one plugin; usable from several threads.

    `timeout_s` is the deadline of each call in seconds, 3 by default.
    """

    def __init__(self, socket: str | os.PathLike[str] | SocketAddress, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """Prepare the connection; it is made at the first call.

        Raises: InputError when `socket` is not the address of a Unix socket.
        """
        self.address = socket if isinstance(socket, SocketAddress) else parse_address(socket)
        self.timeout_s = timeout_s
        self._channel = grpc.insecure_channel(self.address.target, options=CHANNEL_OPTIONS)

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection; calls under way end with CANCELLED."""
        self._channel.close()

    def status(self, *, timeout_s: float | None = None) -> StatusReply:
        """Ask for version, health and the current keyID.

        Raises: KmsCallError.
        """
        reply = self._call("Status", kms_v2_pb2.StatusRequest(), kms_v2_pb2.StatusResponse, timeout_s)
        return StatusReply(reply.version, reply.healthz, reply.key_id)

    def encrypt(self, plaintext: bytes, *, uid: str | None = None, timeout_s: float | None = None) -> EncryptReply:
        """Let the plugin encrypt a DEK seed; `uid` is a fresh UUID by default.

        Raises: KmsCallError.
        """
        request = kms_v2_pb2.EncryptRequest(plaintext=plaintext, uid=fresh_uid() if uid is None else uid)
        reply = self._call("Encrypt", request, kms_v2_pb2.EncryptResponse, timeout_s)
        return EncryptReply(reply.ciphertext, reply.key_id, dict(reply.annotations))

    def decrypt(self, encrypted: EncryptReply, *, uid: str | None = None, timeout_s: float | None = None) -> bytes:
        """Let the plugin decrypt what `encrypt` returned (or what etcd holds); `uid` is a fresh UUID by default.

        Raises: KmsCallError.
        """
        request = kms_v2_pb2.DecryptRequest(
            ciphertext=encrypted.ciphertext,
            uid=fresh_uid() if uid is None else uid,
            key_id=encrypted.key_id,
            annotations=encrypted.annotations,
        )
        return self._call("Decrypt", request, kms_v2_pb2.DecryptResponse, timeout_s).plaintext

    def version_v1(self) -> str:
        """Ask for the version of the KMS v1 interface, which tells a plugin that speaks v1 from one that is broken.

        Raises: KmsCallError (UNIMPLEMENTED when the plugin has no v1).
        """
        request = kms_v1beta1_pb2.VersionRequest(version="v1beta1").SerializeToString()
        data = self.start("Version", request, service=SERVICE_V1).result()
        return self._parse("Version", data, kms_v1beta1_pb2.VersionResponse).version

    def start(
        self, method: str, request: bytes, *, timeout_s: float | None = None, service: str = SERVICE
    ) -> PendingCall:
        """Begin a call with these request bytes, well-formed or not, and return without waiting."""
        stub: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(f"/{service}/{method}")
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        return PendingCall(method, stub.future(request, timeout=limit_s, wait_for_ready=True), str(self.address))

    def start_unsent(self, method: str, *, timeout_s: float | None = None) -> PendingCall:
        """Begin a call whose request never comes, so that it hangs in the plugin until it is cancelled."""
        over = threading.Event()

        def nothing() -> Iterator[bytes]:
            over.wait()
            yield from ()

        stub: grpc.StreamUnaryMultiCallable[bytes, bytes] = self._channel.stream_unary(f"/{SERVICE}/{method}")
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        call = stub.future(nothing(), timeout=limit_s, wait_for_ready=True)
        call.add_done_callback(lambda _: over.set())
        return PendingCall(method, call, str(self.address))

    def _call(self, method: str, request: Message, kind: type[Reply], timeout_s: float | None) -> Reply:
        data = self.start(method, request.SerializeToString(), timeout_s=timeout_s).result()
        return self._parse(method, data, kind)

    def _parse(self, method: str, data: bytes, kind: type[Reply]) -> Reply:
        try:
            return kind.FromString(data)
        except DecodeError as error:
            details = f"the reply's {len(data)} bytes are not a {kind.DESCRIPTOR.name}"
            raise KmsCallError(method, "INTERNAL", details, str(self.address)) from error


def fresh_uid() -> str:
    """Return a new uid for a call, as kube-apiserver makes them."""
    return str(uuid.uuid4())


def explain_unimplemented(client: KmsClient) -> InputError:
    """Return why a server has no Status: it speaks KMS v1 only, or no KMS at all."""
    try:
        version = client.version_v1()
    except KmsCallError as error:
        return InputError(
            "a gRPC server answers there, and it is no KMS plugin",
            seen=f"Status of {error.where} is not implemented; neither is Version of KMS v1 ({error.code})",
            wanted="the service v2.KeyManagementService",
            where=str(client.address),
            next_step="name the socket that the plugin gives to kube-apiserver",
        )
    return InputError(
        "the plugin speaks KMS v1 only",
        seen=f"KMS v1 version {version}; Status of KMS v2 is not implemented",
        wanted="the service v2.KeyManagementService",
        where=str(client.address),
        next_step="KMS v1 is off by default since Kubernetes 1.29: use a release of the plugin with KMS v2",
    )
