from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.errors import InputError, MachineError
from pipeline.harness.jail import Jail, make_jail


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("root:x:0:0::/:\nkms:x:71:72::/:\nbroken\n")
    return tmp_path


@pytest.mark.parametrize(
    ("user", "ids"), [("kms", (71, 72)), ("71", (71, 72)), ("9", (9, 9)), ("9:8", (9, 8)), ("root", (0, 0))]
)
def test_a_user_of_an_image(image: Path, monkeypatch: pytest.MonkeyPatch, user: str, ids: tuple[int, int]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert make_jail(user, image) == Jail(*ids, image)


def test_an_unknown_user_is_named_with_the_file(image: Path) -> None:
    with pytest.raises(InputError) as caught:
        make_jail("other", image)
    assert (caught.value.seen, caught.value.where) == ("other", str(image / "etc" / "passwd"))


def test_without_root_another_user_or_root_is_one_clear_message(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    for user, root in (("1234", None), ("kms", image)):
        with pytest.raises(MachineError, match="needs root"):
            make_jail(user, root)
    assert make_jail("1000", None) is None
    assert make_jail("", None) is None


def test_paths_are_seen_from_inside_and_from_outside(image: Path) -> None:
    jail = Jail(1, 1, image)
    assert jail.inside(image / "kms" / "state") == "/kms/state"
    assert jail.outside("/kms/state") == image / "kms" / "state"
    assert Jail(1, 1).inside(image) == str(image)
