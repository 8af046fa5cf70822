from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from pipeline.harness.api import Reply
from pipeline.suite.lifecycle.workload import Measured, Workload, run_workload


class Api:
    """Answers like an API server that keeps nothing; refuses every update when told to."""

    def __init__(self, *, refuses_updates: bool = False) -> None:
        self.seen: list[str] = []
        self.refuses_updates = refuses_updates

    def create_secret(self, namespace: str, name: str, data: Mapping[str, bytes]) -> Reply:
        self.seen.append(f"create {namespace}/{name}")
        return Reply(201, "{}")

    def get(self, path: str) -> Reply:
        self.seen.append(f"get {path}")
        return Reply(200, json.dumps({"metadata": {"name": path.rpartition("/")[2]}}))

    def update(self, path: str, body: Mapping[str, object]) -> Reply:
        self.seen.append(f"update {path}")
        return Reply(500, "no") if self.refuses_updates else Reply(200, "{}")

    def delete(self, path: str) -> Reply:
        self.seen.append(f"delete {path}")
        return Reply(200, "{}")


def test_each_object_is_created_read_updated_and_deleted_once() -> None:
    api, measured = Api(), Measured()
    run_workload(api, "ns", Workload(objects=8, writers=2, objects_a_list=4), measured)  # type: ignore[arg-type]
    assert {verb: len(samples) for verb, samples in measured.latencies_s.items()} == {
        "create": 8,
        "get": 8,
        "update": 8,
        "delete": 8,
        "list": 2,
    }
    assert measured.failed == 0
    assert measured.requests == len(api.seen)
    assert max(Counter(api.seen).values()) == 2  # the list's path, twice


def test_what_fails_is_counted_and_shown() -> None:
    api, measured = Api(refuses_updates=True), Measured()
    run_workload(api, "ns", Workload(objects=8, writers=1), measured)  # type: ignore[arg-type]
    assert measured.failed == 8
    assert len(measured.failures) == 5
    assert measured.failures[0].startswith("update: HTTP 500")
