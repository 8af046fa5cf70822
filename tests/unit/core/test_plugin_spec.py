from __future__ import annotations

import json

import pytest

from pipeline.core.plugin_spec import PluginSpec, plugin_spec_from_json
from pipeline.errors import InputError

SPEC = PluginSpec(
    "mine", ("{assets}/plugin", "--socket={socket}"), env=(("KEY", "{state}/k"),), hooks={"rotate": ("r",)}
)


def test_it_reads_what_it_writes() -> None:
    assert plugin_spec_from_json(SPEC.to_json(), where="plugin.json") == SPEC


def test_placeholders_are_filled_in_and_nothing_else() -> None:
    assert SPEC.expand(("{socket}{socket}", "{other}", "%s {}"), socket="/s", state="/x") == [
        "/s/s",
        "{other}",
        "%s {}",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"argv": []}, "argv"),
        ({"argv": "plugin"}, "argv"),
        ({"argv": [1]}, "argv"),
        ({"name": ""}, "name"),
        ({"name": "a:b"}, "name"),
        ({"name": None}, "name"),
        ({"env": {"A": 1}}, "env.A"),
        ({"env": []}, "env"),
        ({"ready_timeout_s": 0}, "above 0"),
        ({"ready_timeout_s": True}, "ready_timeout_s must be a number"),
        ({"hooks": {"rotat": ["x"]}}, "rotat"),
        ({"hooks": {"rotate": []}}, "hooks.rotate"),
        ({"extra": 1}, "extra"),
    ],
)
def test_other_content_is_refused_by_name(changes: dict[str, object], words: str) -> None:
    document = {**json.loads(SPEC.to_json()), **changes}
    with pytest.raises(InputError) as caught:
        plugin_spec_from_json(json.dumps(document), where="plugin.json")
    assert words in str(caught.value)
    assert "plugin.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"'])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        plugin_spec_from_json(text, where="plugin.json")
