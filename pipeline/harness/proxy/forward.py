"""The gRPC side of the proxy: take any call as bytes, let the faults at it, ask the plugin, record it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from pipeline.core.result import KmsCall
from pipeline.harness.kms import kms_v2_pb2
from pipeline.harness.kms.client import SERVICE
from pipeline.harness.proxy.faults import Call, Fault, Memory, Refusal
from pipeline.harness.proxy.record import CallRecord, key_id_of, uid_of

_DEADLINE_SLACK_S: Final = 0.25
_OWN_METADATA: Final = ("grpc-", "user-agent", ":")


@dataclass(frozen=True, slots=True)
class Active:
    """A fault in place, with what it remembers."""

    fault: Fault
    memory: Memory


class ActiveFaults(Protocol):
    """Where the faults of the moment come from."""

    def hitting(self, method: str) -> Iterator[Active]:
        """Yield the faults that hit this call, each when those before it have let it through."""


Context = grpc.aio.ServicerContext[bytes, bytes]


class Forwarder(grpc.GenericRpcHandler):
    """Answers every method of every service by asking the plugin."""

    def __init__(
        self, upstream: grpc.aio.Channel, faults: ActiveFaults, record: CallRecord, drop: Callable[[], None]
    ) -> None:
        """Forward to `upstream`; `drop` closes kube-apiserver's live connections."""
        self._upstream = upstream
        self._faults = faults
        self._record = record
        self._drop = drop
        self._real_key_ids: dict[str, str] = {}

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Return the handler of a method's path, such as /v2.KeyManagementService/Status."""
        path = details.method

        async def handle(request: bytes, context: Context) -> bytes:
            return await self._handle(path, request, context)

        return grpc.unary_unary_rpc_method_handler(handle)

    async def _handle(self, path: str, request: bytes, context: Context) -> bytes:
        """Answer one call; whatever happens, it is recorded."""
        service, _, method = path.lstrip("/").partition("/")
        hits: list[Active] = []
        at, begun = time.time(), time.monotonic()
        code, reply = "CANCELLED", b""
        try:
            reply = await self._answer(path, Call(method, request, self._drop), hits, context)
            code = "OK"
        except (Refusal, grpc.aio.AioRpcError) as error:
            code = await _abort(context, error)
        except asyncio.CancelledError:
            code = "DEADLINE_EXCEEDED" if _deadline_passed(context) else "CANCELLED"
            raise
        finally:
            known = service == SERVICE
            call = KmsCall(
                at=at,
                plane=self._record.plane,
                method=method,
                code=code,
                duration_s=time.monotonic() - begun,
                uid=uid_of(method, request) if known else "",
                key_id=key_id_of(method, request, reply) if known else "",
                fault="+".join(hit.fault.name for hit in hits),
            )
            self._record.add(call, reply if known else b"")
        return reply

    async def _answer(self, path: str, call: Call, hits: list[Active], context: Context) -> bytes:
        """Ask the plugin, with the faults that hit the call; they are added to `hits` as it meets them."""
        for hit in self._faults.hitting(call.method):
            hits.append(hit)
            instead = await hit.fault.before(call, hit.memory)
            if instead is not None:
                return instead
        reply = await self._ask(path, self._with_real_key_id(path, call), context)
        if not path.startswith(f"/{SERVICE}/"):
            return reply
        return self._edited(call, hits, reply)

    async def _ask(self, path: str, request: bytes, context: Context) -> bytes:
        metadata = tuple(
            (key, value) for key, value in context.invocation_metadata() or () if not key.startswith(_OWN_METADATA)
        )
        stub: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._upstream.unary_unary(path)
        return await stub(request, timeout=context.time_remaining(), metadata=metadata, wait_for_ready=True)

    def _edited(self, call: Call, hits: list[Active], reply: bytes) -> bytes:
        edited = reply
        for hit in hits:
            edited = hit.fault.edit(call, edited, hit.memory)
        if call.method == "Encrypt" and edited is not reply:
            shown, real = (key_id_of("Encrypt", b"", data) for data in (edited, reply))
            if shown != real:
                self._real_key_ids[shown] = real
        return edited

    def _with_real_key_id(self, path: str, call: Call) -> bytes:
        """Return a Decrypt request with the plugin's own keyID, where an Encrypt reply showed another."""
        if call.method != "Decrypt" or not self._real_key_ids or not path.startswith(f"/{SERVICE}/"):
            return call.request
        try:
            request = kms_v2_pb2.DecryptRequest.FromString(call.request)
        except DecodeError:
            return call.request
        if request.key_id not in self._real_key_ids:
            return call.request
        request.key_id = self._real_key_ids[request.key_id]
        return request.SerializeToString()


def _deadline_passed(context: Context) -> bool:
    """Tell whether the caller's deadline ended the call; callers give up a little before the server sees it."""
    left_s: float | None = context.time_remaining()
    return left_s is not None and left_s < _DEADLINE_SLACK_S


async def _abort(context: Context, error: Refusal | grpc.aio.AioRpcError) -> str:
    """Set the status the call ends with; an empty message follows it, which no client looks at."""
    if isinstance(error, Refusal):
        code, details = grpc.StatusCode[error.code], error.details
    else:
        code, details = error.code(), error.details() or ""
        context.set_trailing_metadata(error.trailing_metadata())
    context.set_code(code)
    context.set_details(details)
    return code.name
