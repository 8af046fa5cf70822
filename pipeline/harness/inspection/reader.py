"""A reader of one etcd, by Unix socket or TCP, with or without TLS; it sends ranges and a status, nothing else."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from pipeline.errors import InputError, KmsE2EError
from pipeline.harness.etcd import EtcdValue, from_gateway

_TIMEOUT_S: Final = 60.0
_FIRST_PAGE: Final = 16
_MOST_PER_PAGE: Final = 500
# A page grows until its bytes come near this, so that memory stays flat with large objects too.
_PAGE_BYTES: Final = 2 * 1024 * 1024
# From the first key that can be, and up to no end. Source: etcd api/etcdserverpb/rpc.proto, RangeRequest.
_EVERY_KEY: Final = b"\0"
_COMPACTED: Final = "required revision has been compacted"
_COMPACT_METRIC: Final = "etcd_debugging_mvcc_compact_revision"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The files that an etcd with TLS asks for: its CA, and the client's certificate and key."""

    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def given(self) -> bool:
        """Tell whether any was named."""
        return any((self.authority, self.certificate, self.key))


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What etcd says of itself: version, revision, and the one up to which history was compacted (None: not told)."""

    version: str
    revision: int
    compact_revision: int | None

    @property
    def old_revisions(self) -> int | None:
        """Return how many revisions before the present one still hold what was written then."""
        return None if self.compact_revision is None else max(0, self.revision - max(self.compact_revision, 1))


class EtcdReader:
    """Reads every key at one revision, a page at a time.

    `note` is what a reader of the counts must know of this store, empty by default.
    """

    def __init__(self, endpoint: str, tls: TlsFiles | None = None) -> None:
        """Prepare; nothing is connected yet.

        Raises: InputError when the endpoint is none or a file of TLS cannot be read.
        """
        self.endpoint = endpoint
        self._http = _client(endpoint, tls or TlsFiles())
        self.revision = 0
        self.moved = False
        self.note = ""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close the connection."""
        self._http.close()

    def facts(self) -> StoreFacts:
        """Return what etcd says of itself.

        Raises: InputError when it cannot be reached.
        """
        status = self._post("maintenance/status", {})
        header = status["header"]
        revision = int(header["revision"]) if isinstance(header, dict) else 0
        return StoreFacts(str(status.get("version", "")), revision, self._compact_revision())

    def values(self) -> Iterator[EtcdValue]:
        """Iterate over all values, at the revision of the first page.

        When that one is compacted meanwhile, the rest is read at the present one and `moved` becomes True.

        Raises: InputError when etcd refuses or the connection breaks.
        """
        start, end, limit = _EVERY_KEY, _EVERY_KEY, _FIRST_PAGE
        while True:
            page, more = self._page(start, end, limit)
            yield from page
            if not more or not page:
                return
            start = page[-1].key.encode(errors="surrogateescape") + b"\0"
            most = max(len(item.value) for item in page)
            limit = max(1, min(2 * limit, _MOST_PER_PAGE, _PAGE_BYTES // max(most, 1)))

    def _page(self, start: bytes, end: bytes, limit: int) -> tuple[list[EtcdValue], bool]:
        body = {**_range(start, end), "limit": limit, "revision": self.revision}
        try:
            reply = self._post("kv/range", body)
        except InputError as error:
            if not self.revision or _COMPACTED not in (error.seen or ""):
                raise
            self.revision, self.moved = 0, True
            return self._page(start, end, limit)
        header, items = reply["header"], reply.get("kvs", [])
        if not self.revision and isinstance(header, dict):
            self.revision = int(header["revision"])
        return [from_gateway(item) for item in items] if isinstance(items, list) else [], bool(reply.get("more"))

    def _compact_revision(self) -> int | None:
        try:
            lines = self._http.get("/metrics").text.splitlines()
        except httpx.HTTPError:
            return None
        found = [line.split()[1] for line in lines if line.startswith(f"{_COMPACT_METRIC} ")]
        return int(float(found[0])) if found else None

    def _post(self, method: str, body: Mapping[str, object]) -> dict[str, object]:
        try:
            answer = self._http.post(f"/v3/{method}", json=body)
        except (httpx.HTTPError, ssl.SSLError) as error:
            raise _unreachable(self.endpoint, error) from error
        if answer.status_code != httpx.codes.OK:
            raise _refused(self.endpoint, answer)
        try:
            document: dict[str, object] = answer.json()
        except json.JSONDecodeError as error:
            raise _no_etcd(self.endpoint, answer.text) from error
        if "header" not in document:
            raise _no_etcd(self.endpoint, answer.text)
        return document


def _range(start: bytes, end: bytes) -> dict[str, object]:
    return {"key": base64.b64encode(start).decode(), "range_end": base64.b64encode(end).decode()}


def _client(endpoint: str, tls: TlsFiles) -> httpx.Client:
    scheme, _, rest = endpoint.partition("://")
    if scheme == "unix" and rest:
        if not Path(rest).is_socket():
            next_step = "name an endpoint that answers, a data folder or a snapshot"
            raise InputError("etcd cannot be reached", seen="no socket there", where=endpoint, next_step=next_step)
        return httpx.Client(transport=httpx.HTTPTransport(uds=rest), base_url="http://etcd", timeout=_TIMEOUT_S)
    if scheme not in ("http", "https") or not rest:
        wanted = "unix:///path, http://host:2379 or https://host:2379"
        raise InputError("not an endpoint of etcd", seen=endpoint, wanted=wanted, where="command line")
    if scheme == "http" and tls.given:
        next_step = f"name it as https://{rest}"
        raise InputError("certificates are given for an endpoint without TLS", seen=endpoint, next_step=next_step)
    return httpx.Client(base_url=endpoint, verify=_context(tls), timeout=_TIMEOUT_S, trust_env=False)


def _context(tls: TlsFiles) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(tls.authority) if tls.authority else None)
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key)
    except OSError as error:  # ssl.SSLError is one
        named = ", ".join(str(path) for path in (tls.authority, tls.certificate, tls.key) if path)
        raise InputError("the certificates for etcd cannot be used", seen=str(error), where=named) from error
    return context


def _unreachable(endpoint: str, error: Exception) -> KmsE2EError:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        what, next_step = "etcd's certificate is not trusted", "name the CA of etcd by --cacert"
    elif "certificate required" in text.lower() or "bad certificate" in text.lower():
        what, next_step = "etcd wants a client certificate", "name it by --cert and --key"
    elif "WRONG_VERSION_NUMBER" in text or "record layer failure" in text.lower():
        what, next_step = "etcd speaks no TLS there", "name the endpoint as http://"
    elif endpoint.startswith("http://") and isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError)):
        return _needs_tls(endpoint, text)
    else:
        what, next_step = "etcd cannot be reached", "name an endpoint that answers, a data folder or a snapshot"
    return InputError(what, seen=text or type(error).__name__, where=endpoint, next_step=next_step)


def _needs_tls(endpoint: str, seen: str) -> InputError:
    return InputError(
        "etcd does not answer without TLS",
        seen=seen.strip(),
        wanted="an endpoint with TLS and a client certificate",
        where=endpoint,
        next_step=f"name it as {endpoint.replace('http://', 'https://')} with --cacert, --cert and --key",
    )


def _refused(endpoint: str, answer: httpx.Response) -> InputError:
    if "HTTP request to an HTTPS server" in answer.text:
        return _needs_tls(endpoint, answer.text)
    seen = f"HTTP {answer.status_code}: {answer.text[:300].strip()}"
    # etcd's JSON gateway is a client of etcd itself, with the server's certificate.
    hint = "give etcd a server certificate that is one for clients too, as kubeadm does, or inspect a snapshot"
    own = "bad certificate" in answer.text
    return InputError("etcd refuses to be read", seen=seen, where=endpoint, next_step=hint if own else None)


def _no_etcd(endpoint: str, text: str) -> InputError:
    return InputError("what answers there is no etcd", seen=text[:200], wanted="the JSON of etcd v3", where=endpoint)
