"""A proxy or a checksum database is an explicit choice that is checked; none of them can be switched off."""

from __future__ import annotations

import pytest

from pipeline.errors import InputError
from pipeline.host.build import BuildRequest, plan
from pipeline.host.module_proxy import ModuleProxy, check_database, check_proxy, without_password
from pipeline.host.progress import Silent

OWN = "sum.example.com+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "off",
        "direct",
        "https://modules.example.com",
        "https://user:secret@modules.example.com/go|direct",
        "file:///srv/modules,https://modules.example.com,direct",
    ],
)
def test_a_proxy(value: str) -> None:
    assert ModuleProxy(goproxy=value).applied({})["GOPROXY"] == value


@pytest.mark.parametrize(
    "value",
    [
        "modules.example.com",
        "ftp://modules.example.com",
        "https://",
        "-x",
        "https://a,$(touch x)",
        "file:",
        "https://[::1",
    ],
)
def test_what_is_no_proxy_is_refused_from_wherever_it_comes(value: str) -> None:
    with pytest.raises(InputError, match="not a module proxy") as caught:
        check_proxy(value, where="--goproxy")
    assert caught.value.where == "--goproxy"
    with pytest.raises(InputError, match="not a module proxy") as inherited:
        ModuleProxy().applied({"GOPROXY": value})
    assert inherited.value.where == "GOPROXY in the environment"


@pytest.mark.parametrize(
    "value", ["sum.golang.org", "sum.golang.google.cn", "sum.golang.org https://modules.example.com/sumdb", OWN]
)
def test_a_database_or_its_mirror_is_named(value: str) -> None:
    assert ModuleProxy(gosumdb=value).applied({"GOSUMDB": "sum.golang.org"})["GOSUMDB"] == value


@pytest.mark.parametrize(
    "value",
    ["off", "OFF", "", " ", "sum.example.com", "sum.golang.org off", f"{OWN} https://a b", f"{OWN} https://[::1"],
)
def test_a_database_is_never_switched_off(value: str) -> None:
    with pytest.raises(InputError, match="not a checksum database"):
        check_database(value, where="--gosumdb")


def test_a_database_with_its_own_key_has_to_be_said_on_the_command_line() -> None:
    inherited = {"GOSUMDB": f"{OWN} https://user:secret@sum.example.com"}
    with pytest.raises(InputError, match="database that Go does not know") as caught:
        ModuleProxy().applied(inherited)
    assert "secret" not in str(caught.value)
    assert ModuleProxy(gosumdb=OWN).applied(inherited)["GOSUMDB"] == OWN


def test_what_is_not_chosen_stays_as_it_was() -> None:
    environment = {"PATH": "/usr/bin", "GOPROXY": "https://modules.example.com", "GOSUMDB": "sum.golang.org"}
    assert ModuleProxy().applied(environment) == environment


def test_passwords_are_not_shown() -> None:
    assert without_password("https://user:secret@a,https://b@c") == "https://***@a,https://***@c"


def test_a_database_that_the_environment_switches_off_is_told_as_that() -> None:
    inherited = {"GOSUMDB": "off"}
    with pytest.raises(InputError, match="checksum database of Go modules is switched off") as caught:
        plan(BuildRequest(kubernetes=None, environment=inherited), Silent())
    assert caught.value.seen == "GOSUMDB=off"
    assert "--goproxy" in str(caught.value.next_step)
