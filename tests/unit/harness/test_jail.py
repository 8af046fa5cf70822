from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.errors import InputError, MachineError
from pipeline.harness.jail import Jail, can_change, make_jail


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\nkms:x:71:72::/var/kms:\nbroken\n")
    (tmp_path / "etc" / "group").write_text("keys:x:80:\nbroken\n")
    return tmp_path


@pytest.mark.parametrize(
    ("user", "ids", "home"),
    [
        ("kms", (71, 72), "/var/kms"),
        ("71", (71, 72), "/var/kms"),
        ("9", (9, 9), "/"),
        ("9:8", (9, 8), "/"),
        ("root", (0, 0), "/root"),
        ("kms:keys", (71, 80), "/var/kms"),
        ("9:keys", (9, 80), "/"),
    ],
)
def test_a_user_of_an_image(
    image: Path, monkeypatch: pytest.MonkeyPatch, user: str, ids: tuple[int, int], home: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert make_jail(user, image) == Jail(*ids, image, home)


@pytest.mark.parametrize(("user", "seen", "file"), [("other", "other", "passwd"), ("kms:other", "other", "group")])
def test_an_unknown_user_or_group_is_named_with_the_file(image: Path, user: str, seen: str, file: str) -> None:
    with pytest.raises(InputError, match="there is no such") as caught:
        make_jail(user, image)
    assert (caught.value.seen, caught.value.where) == (seen, str(image / "etc" / file))


@pytest.mark.skipif(os.geteuid() != 0, reason="owners need root")
@pytest.mark.parametrize(
    ("owner", "mode", "shared"),
    [
        ((0, 0), 0o644, True),
        ((71, 0), 0o444, False),
        ((0, 72), 0o640, True),
        ((0, 72), 0o660, False),
        ((0, 0), 0o666, False),
    ],
    ids=["of root", "its own", "readable by its group", "writable by its group", "writable by all"],
)
def test_files_are_shared_only_when_the_user_cannot_change_them(
    tmp_path: Path, owner: tuple[int, int], mode: int, shared: bool
) -> None:
    file = tmp_path / "image" / "data" / "key.json"
    file.parent.mkdir(parents=True)
    file.write_text("v1")
    os.chown(file, *owner)
    file.chmod(mode)
    assert can_change(tmp_path / "image", Jail(71, 72)) is not shared
    assert can_change(tmp_path / "image", Jail(0, 0))


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
