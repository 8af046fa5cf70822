"""Every change that an etcd ever saw, in order, from its first revision on."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from pipeline.errors import ProcessError
from pipeline.harness.etcd import EtcdValue, from_gateway

_CONNECT_TIMEOUT_S: Final = 30.0
_IDLE_S: Final = 2.0
# etcd's notation for "all keys": from the first possible key to no end.
_ALL_KEYS: Final = base64.b64encode(b"\0").decode()


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one key; `deleted` has no value."""

    written: EtcdValue
    deleted: bool = False

    @property
    def revision(self) -> int:
        """Return etcd's revision of the change."""
        return self.written.mod_revision


def watch_changes(socket: Path, stopped: Callable[[], bool], revision: int = 1) -> Iterator[Change]:
    """Iterate over all changes of all keys since a revision, and wait for further ones until `stopped` says so.

    Raises: ProcessError when etcd breaks off or has compacted the revision away: then not every change can be seen.
    """
    while not stopped():
        try:
            for change in _watch(socket, revision):
                revision = change.revision + 1  # etcd sends all changes of one revision together
                yield change
        except httpx.ReadTimeout:  # nothing was written for a while: a chance to stop
            continue
        except httpx.HTTPError as error:
            raise ProcessError("etcd broke the watch off", seen=str(error), where=str(socket)) from error


def _watch(socket: Path, revision: int) -> Iterator[Change]:
    body = {"create_request": {"key": _ALL_KEYS, "range_end": _ALL_KEYS, "start_revision": str(revision)}}
    timeout = httpx.Timeout(_CONNECT_TIMEOUT_S, read=_IDLE_S)
    transport = httpx.HTTPTransport(uds=str(socket))
    with (
        httpx.Client(transport=transport, base_url="http://etcd", timeout=timeout) as http,
        http.stream("POST", "/v3/watch", json=body) as answer,
    ):
        answer.raise_for_status()
        for line in answer.iter_lines():
            yield from _changes(line, socket)
    raise ProcessError("etcd ended the watch", where=str(socket))


def current_revision(socket: Path) -> int:
    """Return etcd's revision of now.

    Raises: ProcessError when it does not answer.
    """
    try:
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://etcd", timeout=_CONNECT_TIMEOUT_S
        ) as http:
            answer = http.post("/v3/kv/range", json={"key": _ALL_KEYS, "count_only": True})
            answer.raise_for_status()
            return int(answer.json()["header"]["revision"])
    except httpx.HTTPError as error:
        raise ProcessError("etcd does not name its revision", seen=str(error), where=str(socket)) from error


def _changes(line: str, socket: Path) -> Iterator[Change]:
    message = json.loads(line)
    result = message.get("result", {})
    if "result" not in message or result.get("canceled"):
        raise ProcessError("etcd broke the watch off", seen=line[:300], where=str(socket))
    for event in result.get("events", []):
        item = event["kv"]
        deleted = event.get("type") == "DELETE"
        yield Change(from_gateway({"version": "0", **item}), deleted)
