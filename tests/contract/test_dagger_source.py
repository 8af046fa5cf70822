"""Which Go a source asks for, where the module is not in it; no engine is needed."""

from __future__ import annotations

import pytest
from dagger import dag

from pipeline.containers.go_source import resolve_source
from pipeline.errors import InputError
from tests.contract.recorded_queries import Recorder


def test_a_module_that_is_not_in_the_source_is_named() -> None:
    def answer(_chain: str, field: str) -> object:
        return ["README.md"] if field == "entries" else False

    async def resolve() -> object:
        return await resolve_source(dag.directory(), "plugins/reference", {})

    with pytest.raises(InputError, match="Go module is not in the source") as caught:
        Recorder(answer).record(resolve)
    assert caught.value.seen == "no plugins/reference; the source holds README.md"
