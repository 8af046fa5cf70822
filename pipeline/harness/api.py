"""A client of one kube-apiserver that shows status codes and bodies as they are, and trusts its CA alone."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from pipeline.harness.pki import KeyPair

DEFAULT_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: status code and body."""

    status: int
    text: str

    @property
    def ok(self) -> bool:
        """Tell whether the status code is one of success."""
        return httpx.codes.OK <= self.status < httpx.codes.BAD_REQUEST

    @property
    def body(self) -> dict[str, object]:
        """Return the body as a JSON object."""
        document: dict[str, object] = json.loads(self.text)
        return document

    @property
    def resource_version(self) -> str:
        """Return the object's resourceVersion."""
        return str(self.metadata["resourceVersion"])

    @property
    def metadata(self) -> dict[str, object]:
        """Return the object's metadata."""
        metadata = self.body.get("metadata")
        return metadata if isinstance(metadata, dict) else {}

    def __str__(self) -> str:
        """Return a line for messages and proofs; of an object that came as asked only what it is."""
        if self.ok and self.text.startswith("{"):
            kind, name = self.body.get("kind", "an object"), self.metadata.get("name", "")
            return f"HTTP {self.status}: {kind} {name}".rstrip()
        return f"HTTP {self.status}: {self.text[:400].strip()}"


class ApiClient:
    """Requests to one kube-apiserver as a member of system:masters.

    A connection error is an answer too (`Reply(0, …)`): an API server that does not listen is something
    that scenarios look at.
    """

    def __init__(self, url: str, *, authority: Path, client: KeyPair, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """Prepare the client; it connects with the first request."""
        self.url = url
        self._authority, self._client, self._timeout_s = authority, client, timeout_s
        self._local = threading.local()
        self._opened: list[httpx.Client] = []

    def request(self, method: str, path: str, body: object = None, *, content_type: str = "application/json") -> Reply:
        """Send a request and return the answer, whatever its status code."""
        content = None if body is None else json.dumps(body)
        try:
            answer = self._http.request(method, path, content=content, headers={"Content-Type": content_type})
        except httpx.TransportError as error:
            return Reply(0, f"{type(error).__name__}: {error}")
        return Reply(answer.status_code, answer.text)

    def get(self, path: str) -> Reply:
        """GET a path."""
        return self.request("GET", path)

    def create_namespace(self, name: str) -> Reply:
        """Create a namespace."""
        return self.request("POST", "/api/v1/namespaces", _object("Namespace", name))

    def create_secret(self, namespace: str, name: str, data: Mapping[str, bytes]) -> Reply:
        """Create a Secret with binary values."""
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        body = {**_object("Secret", name), "data": encoded}
        return self.request("POST", f"/api/v1/namespaces/{namespace}/secrets", body)

    def get_secret(self, namespace: str, name: str) -> Reply:
        """GET a Secret from etcd (no resourceVersion, so not from the watch cache)."""
        return self.get(secret_path(namespace, name))

    def update(self, path: str, document: Mapping[str, object]) -> Reply:
        """PUT an object as it is."""
        return self.request("PUT", path, document)

    def delete(self, path: str) -> Reply:
        """DELETE a path."""
        return self.request("DELETE", path)

    def paths(self, collection: str, limit: int = 500) -> Iterator[str]:
        """Iterate over the paths of a core collection's objects in all namespaces, a page at a time."""
        resource, token = collection.rpartition("/")[2], ""
        prefix = collection.removesuffix(f"/{resource}")
        while True:
            page = self.get(f"{collection}?limit={limit}&continue={token}")
            items = page.body.get("items", [])
            for item in items if isinstance(items, list) else []:
                metadata = item["metadata"]
                yield f"{prefix}/namespaces/{metadata['namespace']}/{resource}/{metadata['name']}"
            token = str(page.metadata.get("continue", ""))
            if not token:
                return

    def metrics(self) -> str:
        """Return the text of /metrics."""
        return self.get("/metrics").text

    def samples(self, name: str, **labels: str) -> list[Sample]:
        """Return the metric samples called `name` that have `labels`."""
        # Parsing all of /metrics takes ten times as long as asking for it.
        lines = [line for line in self.metrics().splitlines() if line.startswith(name)]
        return [
            sample
            for family in text_string_to_metric_families("\n".join(lines) + "\n")
            for sample in family.samples
            if sample.name == name and all(sample.labels.get(key) == value for key, value in labels.items())
        ]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of the samples called `name` that have `labels`."""
        return sum(sample.value for sample in self.samples(name, **labels))

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._opened:
            self._opened.pop().close()
        self._local = threading.local()

    @property
    def _http(self) -> httpx.Client:
        """Return this thread's client: TLS connections shared by threads fail now and then on Python 3.13."""
        client: httpx.Client | None = getattr(self._local, "client", None)
        if client is None:
            context = ssl.create_default_context(cafile=str(self._authority))
            context.load_cert_chain(self._client.certificate, self._client.key)
            client = httpx.Client(base_url=self.url, verify=context, timeout=self._timeout_s, trust_env=False)
            self._local.client = client
            self._opened.append(client)
        return client


def secret_path(namespace: str, name: str) -> str:
    """Return the API path of a Secret."""
    return f"/api/v1/namespaces/{namespace}/secrets/{name}"


def secret_key(namespace: str, name: str) -> str:
    """Return the etcd key of a Secret (kube-apiserver's default prefix)."""
    return f"/registry/secrets/{namespace}/{name}"


def _object(kind: str, name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}
