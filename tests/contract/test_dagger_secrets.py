"""Which secrets reach the container of the suite, and where; no engine is needed."""

from __future__ import annotations

import pytest
from dagger import dag

from pipeline.containers.assembly import chosen_kubernetes
from pipeline.containers.suite import with_secrets
from pipeline.core.plugin_spec import PluginSpec, SecretSource, Service
from pipeline.errors import InputError
from tests.contract.recorded_queries import Recorder

PIN = SecretSource(env="PIN")
TOKEN = SecretSource(file="~/.token", to_file="{state}/token")
FIRST = PluginSpec("first", ("x",), services=(Service("keys", ("x",), secrets={"PIN": PIN}),))
SECOND = PluginSpec("second", ("x",), secrets={"TOKEN": TOKEN})


def queries(*uris: str) -> list[str]:
    """Return the queries that hand over these secrets to two plugins."""

    def answer(chain: str, _field: str) -> object:
        return next(uri for uri in uris if uri in chain)

    async def hand_over() -> object:
        secrets = [dag.secret(uri) for uri in uris]
        return await (await with_secrets(dag.container(), [FIRST, SECOND], secrets)).id()

    return Recorder(answer).record(hand_over)


def test_a_service_and_the_second_plugin_get_theirs() -> None:
    last = queries("env://PIN", "file://~/.token")[-1]
    assert 'withSecretVariable(name: "PIN"' in last
    assert 'withMountedSecret(path: "/root/.token"' in last


def test_one_that_was_not_passed_is_named() -> None:
    with pytest.raises(InputError, match="the secret TOKEN was not passed") as caught:
        queries("env://PIN")
    assert caught.value.next_step == "pass --secrets=file://~/.token"


@pytest.mark.parametrize(
    ("asked", "written", "chosen"), [("1.35", '["1.36"]', "1.35"), ("", '["1.36", "1.37"]', "1.36"), ("", "[]", "1.37")]
)
def test_kubernetes_is_as_asked_else_as_configured_else_the_newest(asked: str, written: str, chosen: str) -> None:
    text = f'name = "x"\nkubernetes = {written}\n[program]\npath = "x"\n[run]\nargv = ["x"]\n'
    found: list[str] = []

    async def choose() -> None:
        found.append(await chosen_kubernetes(dag.directory(), None, asked))

    Recorder(lambda _chain, field: True if field.startswith("exists") else text).record(choose)
    assert found == [chosen]
