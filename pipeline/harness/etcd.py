"""etcd on Unix sockets, and a client that reads and writes raw values through its JSON gateway."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from pipeline.harness.process import Process
from pipeline.harness.supervisor import Supervisor
from pipeline.harness.waiting import wait_until

START_TIMEOUT_S: Final = 90.0
"""As long as kube-apiserver's, for the same machine may be as busy."""
_CALL_TIMEOUT_S: Final = 30.0
_PAGE: Final = 500
# A lone member elects itself after one to two election timeouts; with etcd's 1 s that is a third of a control plane's
# start. It has nobody to lose an election to. Source: etcd's tuning guide (timeout at least 5 heartbeats).
_HEARTBEAT_MS: Final = 10
_ELECTION_MS: Final = 100


@dataclass(frozen=True, slots=True)
class EtcdValue:
    """A key with its raw bytes, as etcd has them; `version` counts its writes since it was created."""

    key: str
    value: bytes
    mod_revision: int
    version: int = 1


class EtcdClient:
    """Raw reads and writes of one etcd: the only witness of what is really stored."""

    def __init__(self, socket: Path) -> None:
        """Connect lazily to etcd's client socket."""
        self.socket = socket
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://etcd", timeout=_CALL_TIMEOUT_S
        )

    def healthy(self) -> bool:
        """Tell whether etcd answers that it is healthy."""
        if not self.socket.exists():
            return False
        try:
            return bool(self._http.get("/health").json().get("health") == "true")
        except httpx.TransportError:
            return False

    def get(self, key: str) -> EtcdValue | None:
        """Return one key's value, None when there is no such key."""
        found = self._range({"key": _encode(key.encode())})
        return found[0] if found else None

    def prefix(self, prefix: str) -> Iterator[EtcdValue]:
        """Iterate over every key that begins with `prefix`, in key order, a page at a time."""
        start, end = prefix.encode(), range_end(prefix.encode())
        while True:
            page = self._range({"key": _encode(start), "range_end": _encode(end), "limit": _PAGE})
            yield from page
            if len(page) < _PAGE:
                return
            start = page[-1].key.encode(errors="surrogateescape") + b"\0"

    def put(self, key: str, value: bytes) -> None:
        """Overwrite a key behind the API server's back."""
        self._call("put", {"key": _encode(key.encode()), "value": _encode(value)})

    def put_many(self, values: Sequence[tuple[str, bytes]]) -> None:
        """Overwrite keys in one transaction; etcd takes at most 128."""
        puts = [{"request_put": {"key": _encode(key.encode()), "value": _encode(value)}} for key, value in values]
        self._call("txn", {"success": puts})

    def delete(self, key: str) -> None:
        """Delete a key behind the API server's back."""
        self._call("deleterange", {"key": _encode(key.encode())})

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _range(self, body: dict[str, object]) -> list[EtcdValue]:
        return [from_gateway(item) for item in self._call("range", body).get("kvs", [])]

    def _call(self, method: str, body: dict[str, object]) -> dict[str, list[dict[str, str]]]:
        answer = self._http.post(f"/v3/kv/{method}", json=body)
        answer.raise_for_status()
        document: dict[str, list[dict[str, str]]] = answer.json()
        return document


class Etcd:
    """One etcd process of a control plane."""

    def __init__(
        self, binary: Path, supervisor: Supervisor, *, fsync: bool = False, flags: tuple[str, ...] = ()
    ) -> None:
        """Prepare etcd; `fsync` is off by default, since its data need not survive the machine."""
        self._binary = binary
        self._supervisor = supervisor
        self._flags = flags if fsync else (*flags, "--unsafe-no-fsync")
        self.data = supervisor.folder / "etcd"
        self.endpoint = f"unix://{supervisor.folder}/etcd.sock"
        self.client = EtcdClient(supervisor.folder / "etcd.sock")
        self.process: Process | None = None

    def start(self) -> None:
        """Start etcd and wait until it is healthy.

        Raises: ProcessError when it dies, DeadlineError after 90 s.
        """
        self.spawn()
        self.wait_healthy()

    def spawn(self) -> Process:
        """Start the process without waiting for anything."""
        self.process = self._supervisor.spawn("etcd", self._argv())
        return self.process

    def wait_healthy(self) -> None:
        """Wait until etcd answers that it is healthy, which takes a leader.

        Raises: ProcessError when it dies, DeadlineError after 90 s.
        """
        alive = [self.process] if self.process is not None else []
        wait_until("etcd healthy", self.client.healthy, timeout_s=START_TIMEOUT_S, poll_s=0.02, alive=alive)
        self._supervisor.event("etcd", "ready")

    def stop(self) -> None:
        """Stop etcd, if it runs."""
        if self.process is not None:
            self._supervisor.stop(self.process)
            self.process = None

    def _argv(self) -> list[str]:
        peer = f"unix://{self._supervisor.folder}/peer.sock"
        return [
            str(self._binary),
            "--name=default",
            f"--data-dir={self.data}",
            f"--listen-client-urls={self.endpoint}",
            f"--advertise-client-urls={self.endpoint}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            f"--heartbeat-interval={_HEARTBEAT_MS}",
            f"--election-timeout={_ELECTION_MS}",
            "--log-level=warn",
            *self._flags,
        ]


def from_gateway(item: Mapping[str, str]) -> EtcdValue:
    """Return a value from the JSON of etcd's gateway."""
    return EtcdValue(
        base64.b64decode(item["key"]).decode(errors="surrogateescape"),
        base64.b64decode(item.get("value", "")),
        int(item["mod_revision"]),
        int(item["version"]),
    )


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def range_end(prefix: bytes) -> bytes:
    """Return the first key after all that begin with `prefix`."""
    return prefix[:-1] + bytes([prefix[-1] + 1])
