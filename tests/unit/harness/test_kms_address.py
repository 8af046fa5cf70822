from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.harness.kms import SocketAddress, parse_address, require_listener


@pytest.mark.parametrize(
    ("text", "name", "abstract"),
    [
        ("unix:///run/kms.sock", "/run/kms.sock", False),
        ("unix:/run/kms.sock", "/run/kms.sock", False),
        ("/run/kms.sock", "/run/kms.sock", False),
        ("unix:///@kms", "kms", True),
        ("unix://@kms", "kms", True),
        ("unix:@kms", "kms", True),
        ("@kms", "kms", True),
        ("unix-abstract:kms", "kms", True),
        ("/run/with blank%20.sock", "/run/with blank%20.sock", False),
    ],
)
def test_every_spelling_is_read(text: str, name: str, abstract: bool) -> None:
    assert parse_address(text) == SocketAddress(name, abstract)


def test_a_relative_path_is_taken_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_address("kms.sock").name == str(tmp_path / "kms.sock")


@pytest.mark.parametrize("address", [SocketAddress("/run/kms.sock"), SocketAddress("kms", abstract=True)])
def test_the_endpoint_reads_back(address: SocketAddress) -> None:
    assert parse_address(address.endpoint) == address


def test_grpc_gets_an_escaped_uri() -> None:
    assert SocketAddress("/run/a b%.sock").target == "unix:/run/a%20b%25.sock"
    assert SocketAddress("kms", abstract=True).target == "unix-abstract:kms"


@pytest.mark.parametrize("text", ["", "unix:", "unix://", "unix:///@", "@", "unix-abstract:"])
def test_an_empty_address_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="empty"):
        parse_address(text)


@pytest.mark.parametrize("text", ["tcp://127.0.0.1:80", "https://example.com", "dns:///kms"])
def test_another_scheme_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(InputError, match="not the address of a Unix socket") as caught:
        parse_address(text)
    assert "Unix sockets only" in str(caught.value)


def test_the_longest_path_is_accepted_and_one_more_byte_is_not() -> None:
    longest = "/" + "s" * 106
    assert parse_address(longest).name == longest
    with pytest.raises(InputError, match="too long") as caught:
        parse_address(longest + "s")
    assert caught.value.seen == "108 bytes"


def test_bytes_count_and_not_characters() -> None:
    with pytest.raises(InputError, match="too long"):
        parse_address("/" + "ä" * 54)


def test_a_missing_socket_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        require_listener(parse_address(tmp_path / "none.sock"))


def test_a_regular_file_is_no_socket(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InputError, match="not a socket") as caught:
        require_listener(parse_address(file))
    assert caught.value.seen is not None
    assert caught.value.seen.startswith("-rw")


def test_a_folder_that_may_not_be_searched_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    address = parse_address(tmp_path / "kms.sock")
    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(InputError, match="may not connect") as caught:
        require_listener(address)
    assert f"this user is {os.geteuid()}" in str(caught.value)
