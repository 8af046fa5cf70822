from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipeline.core.build_plan import PluginSource
from pipeline.core.config import Config, ImageStart, config_from_pyproject, config_from_toml, plugin_spec
from pipeline.core.plugin_spec import Ready, SecretSource, Service, ServiceAction, plugin_spec_from_json
from pipeline.errors import InputError

TEXT = """\
name = "acme"
kubernetes = ["1.37"]

[go]
package = "./cmd/kms"
ldflags = ["-s"]
cgo = true

[run]
argv = ["{assets}/kms-plugin", "--listen=unix://{socket}"]
env = { LEVEL = "debug" }
user = "65532"
[run.files]
"{state}/config.yaml" = "a: 1"
[run.secrets]
TOKEN = { env = "CI_TOKEN" }
PIN = { file = "~/.pin", to_file = "{state}/pin" }

[[services]]
name = "keys"
argv = ["{python}", "server.py"]
ready = { tcp = "127.0.0.1:{port.keys}" }

[[services]]
name = "front"
argv = ["front"]
after = ["keys"]

[hooks]
rotate = ["rotate"]
break_backend = { stop = "keys" }

[expected]
B23 = "it makes a seed for each write"
"""


def refusal(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        config_from_toml(text)
    return caught.value


def test_everything_is_read() -> None:
    config = config_from_toml(TEXT)
    assert config.go == PluginSource(package="./cmd/kms", ldflags=("-s",), cgo=True)
    assert config.source is config.go
    assert config.run.secrets == {
        "TOKEN": SecretSource(env="CI_TOKEN"),
        "PIN": SecretSource(file="~/.pin", to_file="{state}/pin"),
    }
    assert config.services[0] == Service("keys", ("{python}", "server.py"), ready=Ready(tcp="127.0.0.1:{port.keys}"))
    assert config.hooks == {"rotate": ("rotate",), "break_backend": ServiceAction(stop="keys")}
    assert config.expected == (("B23", "it makes a seed for each write"),)


def test_the_specification_survives_its_json() -> None:
    spec = plugin_spec(config_from_toml(TEXT))
    assert (spec.name, spec.user, spec.resources, spec.root) == ("acme", "65532", ("secrets",), "")
    assert plugin_spec_from_json(spec.to_json(), where="plugin.json") == spec


def test_the_same_table_of_a_pyproject() -> None:
    lines = [
        f"[tool.kms-e2e.{line[1:]}" if line.startswith("[") and line[1] != "[" else line for line in TEXT.split("\n")
    ]
    text = "[tool.kms-e2e]\n" + "\n".join(lines).replace("[[services]]", "[[tool.kms-e2e.services]]")
    assert config_from_pyproject(text, where="pyproject.toml") == config_from_toml(TEXT)
    assert config_from_pyproject('[project]\nname = "x"\n', where="pyproject.toml") is None
    with pytest.raises(InputError) as caught:
        config_from_pyproject(text.replace("cgo", "ego"), where="pyproject.toml")
    assert caught.value.where == "pyproject.toml:8:1"


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        ("package", "pakage", "5:1", "did you mean 'package'"),
        ("rotate =", "rotat =", "30:1", "did you mean 'rotate'"),
        ("{ stop", "{ stap", "31:19", "did you mean 'stop'"),
        ("cgo = true", 'cgo = "true"', "7:1", "go.cgo must be true or false"),
        ('LEVEL = "debug"', "LEVEL = 1", "11:9", "run.env.LEVEL must be a text"),
        ('["-s"]', '["-s", 1]', "6:18", "go.ldflags[1] must be a text"),
        ('"1.37"', '"1.99"', "2:15", "1.37 ("),
        ("{socket}", "{sokcet}", "10:32", "did you mean '{socket}'"),
        ("{port.keys}", "{port.other}", "22:11", "{port.front}"),
        ("{state}/config", "{stat}/config", "14:1", "no such placeholder"),
        ('["rotate"]', '["sh", "{asset}/rotate"]', "30:17", "did you mean '{assets}'"),
        ('"1.37"', '"latest"', "2:15", "such as 1.37"),
        ('name = "acme"', "", "1:1", "name is missing"),
        ('name = "acme"', 'name = "a:b"', "1:1", "without colon"),
        ("[go]", "[go", "4:4", "not TOML"),
        ('after = ["keys"]', 'after = ["kez"]', "27:1", "kez"),
        ('stop = "keys"', 'stop = "kez"', "31:1", "names no such service"),
        ('stop = "keys"', 'stop = "keys", start = "keys"', "31:1", "must stop, start or pause one"),
        ('name = "front"', 'name = "keys"', "25:1", "one name"),
        ('env = "CI_TOKEN"', 'env = "A", file = "b"', "16:1", "one place"),
        ("B23", "Bx", "34:1", "such as B23"),
        ('"it makes a seed for each write"', '" "', "34:1", "no reason"),
        ("[run]", '[program]\npath = "x"\n[run]', "9:2", "one of them"),
        ('kubernetes = ["1.37"]', 'resources = ["configmaps"]', "2:1", "Secrets"),
        ('argv = ["{assets}/kms-plugin", "--listen=unix://{socket}"]', "", "9:2", "run.argv is missing"),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, where: str, words: str) -> None:
    error = refusal(TEXT.replace(old, new, 1))
    assert error.where == f"kms-e2e.toml:{where}"
    assert words in str(error)
    assert error.next_step


@pytest.mark.parametrize("word", ["{print $1}", "{print}", "${state_x} ${socke}", "{{socke}}", "{}", "{a: 1}"])
def test_other_braces_are_the_plugin_s_own(word: str) -> None:
    assert config_from_toml(TEXT.replace('"rotate"', f'"{word}"')).hooks["rotate"] == (word,)


@pytest.mark.parametrize("value", ['"hunter2"', "{ value = 'hunter2' }", "['hunter2']", "{ env = ['hunter2'] }"])
def test_a_secret_written_into_the_file_is_not_shown(value: str) -> None:
    error = refusal(TEXT.replace('{ env = "CI_TOKEN" }', value))
    assert "hunter2" not in str(error)
    assert "run.secrets" in str(error)


def test_an_image_brings_its_own_start() -> None:
    image = ImageStart(("/plugin",), (("A", "1"), ("B", "2")), "")
    config = config_from_toml('name = "x"\nimage = { archive = "x.tar" }\nrun = { env = { B = "3" } }')
    spec = plugin_spec(config, image=image)
    assert (spec.argv, spec.env, spec.user, spec.root) == (
        ("/plugin",),
        (("A", "1"), ("B", "3")),
        "65532:65532",
        "root",
    )
    assert plugin_spec(config, image=dataclasses.replace(image, user="7:8")).user == "7:8"
    with pytest.raises(InputError, match="names a command"):
        plugin_spec(config, image=dataclasses.replace(image, argv=()))


def test_the_project_s_own_file_is_the_reference_plugin() -> None:
    config = config_from_toml((Path(__file__).parents[4] / "kms-e2e.toml").read_text())
    assert isinstance(config, Config)
    assert {"rotate", "break_backend", "heal_backend", "metrics"} <= set(config.hooks)
