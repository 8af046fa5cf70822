"""Layers lie over each other as a container runtime lays them, and never leave the image's folder."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.host.image_layers import apply_layer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="owners need root")
NOBODY = 65532
DIR, SOFT, HARD = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode = kind, link, mode
    return member


def lay(root: Path, *layers: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    root.mkdir(exist_ok=True)
    for number, layer in enumerate(layers):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for member, content in layer:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        buffer.seek(0)
        apply_layer(buffer, root, f"layer {number}")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def test_a_later_layer_replaces_a_link_by_a_link(root: Path) -> None:
    first, second = ([(entry("etc/localtime", SOFT, f"/usr/share/zoneinfo/{zone}"), b"")] for zone in ("UTC", "Berlin"))
    lay(root, first, second)
    assert str((root / "etc" / "localtime").readlink()) == "/usr/share/zoneinfo/Berlin"


@pytest.mark.parametrize(("kind", "link"), [(SOFT, "real"), (SOFT, "/etc/real"), (HARD, "etc/real")])
def test_a_file_that_replaces_a_link_leaves_its_target(root: Path, kind: bytes, link: str) -> None:
    below = [(entry("etc/real"), b"keep"), (entry("etc/name", kind, link), b"")]
    lay(root, below, [(entry("etc/name"), b"new")])
    assert (root / "etc" / "real").read_bytes() == b"keep"
    assert not (root / "etc" / "name").is_symlink()
    assert (root / "etc" / "name").read_bytes() == b"new"


def test_modes_and_owners_are_the_image_s_without_setuid(root: Path) -> None:
    own = entry("var/keys", DIR, mode=0o2775)
    own.uid = own.gid = NOBODY
    lay(root, [(entry("tmp", DIR, mode=0o1777), b""), (own, b""), (entry("bin/su", mode=0o4755), b"x")])
    modes = {name: (root / name).stat().st_mode & 0o7777 for name in ("tmp", "var/keys", "bin/su")}
    assert modes == {"tmp": 0o1777, "var/keys": 0o775, "bin/su": 0o755}
    assert (root / "var" / "keys").stat().st_uid == NOBODY


def test_an_entry_of_another_kind_replaces_a_folder_and_a_folder_stays(root: Path) -> None:
    below = [(entry(f"{name}/inside"), b"x") for name in ("file", "link", "stays")]
    above = [(entry("file"), b"f"), (entry("link", SOFT, "stays"), b""), (entry("stays", DIR, mode=0o700), b"")]
    lay(root, below, above)
    assert (root / "file").read_bytes() == b"f"
    assert str((root / "link").readlink()) == "stays"
    assert (root / "stays" / "inside").read_bytes() == b"x"
    assert (root / "stays").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("link", "lands"),
    [("/run", "run"), ("../run", "run"), ("../../../..", ""), ("/etc", "etc"), ("/gone/deep", "gone/deep")],
)
def test_a_path_through_a_link_stays_inside_the_image(root: Path, link: str, lands: str) -> None:
    lay(root, [(entry("var/run", SOFT, link), b"")], [(entry("var/run/kms-e2e-layer"), b"x")])
    assert (root / lands / "kms-e2e-layer").read_bytes() == b"x"
    assert {path.name for path in root.parent.iterdir()} == {"root"}
    assert not Path("/etc/kms-e2e-layer").exists()


@pytest.mark.parametrize(
    "member",
    [
        entry("../out"),
        entry("a/../../out"),
        entry("hard", HARD, "../../etc/passwd"),
        entry("a/.wh..."),
        entry("a/.wh."),
    ],
    ids=lambda member: f"{member.name} {member.linkname}",
)
def test_a_layer_that_leaves_its_folder_is_refused(root: Path, member: tarfile.TarInfo) -> None:
    (root.parent / "out").write_text("mine")
    with pytest.raises(InputError, match="leaves its folder") as caught:
        lay(root, [(entry("a/b"), b"x")], [(member, b"")])
    assert caught.value.where == "layer 1"
    assert (root.parent / "out").read_text() == "mine"
    assert (root / "a" / "b").exists()


def test_links_around_and_files_as_folders_are_one_clear_error(root: Path) -> None:
    with pytest.raises(InputError, match="leaves its folder"):
        lay(root, [(entry("a", SOFT, "b"), b""), (entry("b", SOFT, "a"), b""), (entry("a/c"), b"x")])
    with pytest.raises(InputError, match="does not fit those below") as caught:
        lay(root, [(entry("file"), b"x"), (entry("file/below"), b"x")])
    assert "file" in str(caught.value.seen)
    with pytest.raises(InputError, match="does not fit those below"):
        lay(root, [(entry("hard", HARD, "gone"), b"")])


def test_devices_are_left_out(root: Path) -> None:
    lay(root, [(entry("dev/null", tarfile.CHRTYPE), b""), (entry("dev/pipe", tarfile.FIFOTYPE), b"")])
    assert list((root / "dev").iterdir()) == []
