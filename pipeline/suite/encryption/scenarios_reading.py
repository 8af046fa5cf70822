"""B30: watching and paging see encrypted resources as if they were plain."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.api import Reply
from pipeline.harness.control_plane import ControlPlane
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.stores import value_of
from pipeline.suite.support import OK, Secret, new_namespace, write_secret, write_secrets

_SECRETS: Final = 20
_PAGE: Final = 7
_PAGES: Final = 3
_WATCH_S: Final = 5
_CHANGES: Final = 3


@scenario(
    Scenario(
        id="B30",
        title="a watch and a paged list show encrypted objects as they were written",
        level=Level.MUST,
        source="k8s.io: API concepts, efficient detection of changes and retrieving large results in chunks",
        subject=Subject.KUBE_APISERVER,
        plane="encryption",
        twin=Twin(breaks="etcd: a change is undone behind kube-apiserver", reason="events of the watch"),
    )
)
def scenario_watch_and_pages(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """20 Secrets in pages of 7 by continue tokens, each with its value; a watch shows creation, change and deletion."""
    namespace = new_namespace(control_plane, proof)
    secrets = write_secrets(control_plane, proof, namespace, _SECRETS)
    pages = list(_pages(control_plane, proof, namespace))
    proof.that(
        "objects in each page", observed=[len(page) for page in pages], wanted=[_PAGE, _PAGE, _SECRETS - 2 * _PAGE]
    )
    listed = {name: value for page in pages for name, value in page.items()}
    wrong = [secret.name for secret in secrets if listed.get(secret.name) != secret.value]
    proof.that("Secrets that no page shows as written", observed=wrong, wanted=[])
    _assert_watched(control_plane, proof, namespace)


def _pages(plane: ControlPlane, proof: ProofRecorder, namespace: str) -> Iterator[dict[str, bytes]]:
    token = ""
    for number in range(_PAGES + 1):
        page = plane.api.get(f"/api/v1/namespaces/{namespace}/secrets?limit={_PAGE}&continue={token}")
        proof.that(f"page {number + 1}", observed=str(page)[:200], wanted="HTTP 200", holds=page.status == OK)
        items = page.body.get("items")
        yield {item["metadata"]["name"]: _value(item) for item in (items if isinstance(items, list) else [])}
        token = str(page.metadata.get("continue") or "")
        if not token:
            return


def _value(item: dict[str, dict[str, str]]) -> bytes:
    return base64.b64decode(item["data"]["value"])


def _assert_watched(plane: ControlPlane, proof: ProofRecorder, namespace: str) -> None:
    since = plane.api.get(f"/api/v1/namespaces/{namespace}/secrets?limit=1").resource_version
    path = f"/api/v1/namespaces/{namespace}/secrets?watch=1&resourceVersion={since}&timeoutSeconds={_WATCH_S}"
    with ThreadPoolExecutor(1) as pool:
        watch = pool.submit(plane.api.get, path)
        secret = write_secret(plane, proof, namespace)
        changed = _change(plane, proof, secret)
        deleted = plane.api.delete(secret.path)
        proof.that("delete", observed=str(deleted)[:80], wanted="HTTP 200", holds=deleted.status == OK)
        events = _events(watch.result())
    if len(events) < _CHANGES:  # its time was over before the last change; from the same resourceVersion all come again
        events = _events(plane.api.get(path))
    seen = [(event["type"], event["object"].get("metadata", {}).get("name")) for event in events]
    wanted = [(kind, secret.name) for kind in ("ADDED", "MODIFIED", "DELETED")]
    proof.that("events of the watch", observed=seen, wanted=wanted)
    values = [_value(event["object"]) for event in events]
    proof.that("values in the events are as written", observed=values == [secret.value, changed, changed], wanted=True)


def _events(reply: Reply) -> list[dict[str, dict[str, dict[str, str]]]]:
    return [json.loads(line) for line in reply.text.splitlines()]


def _change(plane: ControlPlane, proof: ProofRecorder, secret: Secret) -> bytes:
    before: Reply = plane.api.get(secret.path)
    value = value_of(before)[::-1]
    document = {**before.body, "data": {"value": base64.b64encode(value).decode()}}
    after = plane.api.update(secret.path, document)
    proof.that("update", observed=str(after)[:80], wanted="HTTP 200", holds=after.status == OK)
    return value
