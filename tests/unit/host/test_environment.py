"""The Go command's environment holds nothing of the user's but PATH, network settings and a checked proxy."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.build_plan import PluginSource, plugin_plan
from pipeline.errors import InputError
from pipeline.host.environment import build_environment, compiler_identity, go_environment, settings_not_passed
from pipeline.host.paths import CachePaths

PATHS = CachePaths(Path("/cache"))
HOSTILE = {
    "HOME": "/home/user",
    "GOFLAGS": "-mod=mod -toolexec=/tmp/x",
    "GOENV": "/home/user/go.env",
    "GOROOT": "/usr/lib/go",
    "GOPATH": "/home/user/go",
    "GOCACHE": "/home/user/.cache/go-build",
    "GOMODCACHE": "/home/user/go/pkg/mod",
    "GOTOOLCHAIN": "go1.20",
    "GOWORK": "/home/user/go.work",
    "GOEXPERIMENT": "nocoverageredesign",
    "GODEBUG": "installgoroot=all",
    "GOAMD64": "v3",
    "GOOS": "plan9",
    "CC": "/tmp/cc",
    "LD_PRELOAD": "/tmp/evil.so",
    "BASH_ENV": "/tmp/evil.sh",
    "GIT_CONFIG_GLOBAL": "/home/user/.gitconfig",
    "XDG_CONFIG_HOME": "/home/user/.config",
}
NETWORK = {
    "PATH": "/usr/bin",
    "HTTPS_PROXY": "http://proxy.example.com:3128",
    "https_proxy": "http://proxy.example.com:3128",
    "NO_PROXY": "localhost",
    "SSL_CERT_FILE": "/etc/ca.pem",
    "SSL_CERT_DIR": "/etc/ca",
    "GOPROXY": "https://modules.example.com",
    "GOSUMDB": "sum.example.com+abc https://sum.example.com",
}


def test_nothing_of_the_users_configuration_is_passed() -> None:
    environment = go_environment(HOSTILE, PATHS, "/cache/tmp/run")
    for name, value in HOSTILE.items():
        assert environment.get(name) != value
    assert environment["GOENV"] == "off"
    assert environment["GOFLAGS"] == "-modcacherw"
    assert "GOROOT" not in environment
    assert "LD_PRELOAD" not in environment


def test_every_folder_lies_in_the_cache() -> None:
    environment = go_environment(HOSTILE, PATHS, "/cache/tmp/run")
    for name in ("HOME", "GOPATH", "GOMODCACHE", "GOCACHE", "GOTMPDIR", "TMPDIR"):
        assert environment[name].startswith("/cache/")


def test_network_settings_and_a_checked_proxy_are_passed() -> None:
    environment = go_environment(NETWORK, PATHS, "/cache/tmp/run")
    assert {name: environment[name] for name in NETWORK} == NETWORK


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GOSUMDB", "off"),
        ("GOSUMDB", " off "),
        ("GONOSUMDB", "*"),
        ("GOPRIVATE", "example.com/*"),
        ("GOINSECURE", "example.com"),
    ],
)
def test_switching_the_checksum_database_off_is_refused(name: str, value: str) -> None:
    with pytest.raises(InputError, match="checksum database") as caught:
        go_environment({name: value}, PATHS, "/cache/tmp/run")
    assert caught.value.seen == f"{name}={value}"
    assert name in str(caught.value.next_step)


@pytest.mark.parametrize("name", ["GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE"])
def test_an_empty_variable_switches_nothing_off(name: str) -> None:
    assert name not in go_environment({name: ""}, PATHS, "/cache/tmp/run")


def test_the_plan_decides_what_it_names() -> None:
    build = plugin_plan(PluginSource(), "go1.26.10")
    environment = build_environment(go_environment(HOSTILE, PATHS, "/t"), HOSTILE, build, "linux/arm64")
    assert environment["GOTOOLCHAIN"] == "go1.26.10"
    assert (environment["GOOS"], environment["GOARCH"], environment["CGO_ENABLED"]) == ("linux", "arm64", "0")
    assert "CC" not in environment


def test_a_cgo_build_gets_the_users_compiler_and_its_key_knows_it(tmp_path: Path) -> None:
    compiler = tmp_path / "mycc"
    compiler.write_text("#!/bin/sh\n")
    compiler.chmod(0o755)
    user = {"CC": str(compiler), "CGO_CFLAGS": "-O1"}
    build = plugin_plan(PluginSource(cgo=True), "go1.26.10")
    environment = build_environment(go_environment(user, PATHS, "/t"), user, build, "linux/amd64")
    assert (environment["CC"], environment["CGO_CFLAGS"], environment["CGO_ENABLED"]) == (str(compiler), "-O1", "1")
    before = compiler_identity(user)
    compiler.write_text("#!/bin/sh\nexit 1\n")
    assert compiler_identity(user) != before
    assert compiler_identity({**user, "CGO_CFLAGS": "-O2"}) != before


def test_what_is_reported_as_not_passed_reaches_no_go_command() -> None:
    assert settings_not_passed({"PATH": "/usr/bin", "GOFLAGS": ""}) == ()
    reported = settings_not_passed(HOSTILE)
    assert {"GOFLAGS", "GOROOT", "GOENV"} <= {setting.partition("=")[0] for setting in reported}
    passed = {f"{name}={value}" for name, value in go_environment(HOSTILE, PATHS, "/cache/tmp/run").items()}
    assert not passed & set(reported)
