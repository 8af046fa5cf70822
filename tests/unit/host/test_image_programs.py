"""Which programs of an image count: those of its last state, from every kind of archive; hostile layers do no harm."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.host import image_programs
from pipeline.host.image_programs import is_image, put_aside

ELF = b"\x7fELF"
Entry = tuple[str, bytes | str]
"""A file's name and content, or a link's name and `hard:TARGET` or `soft:TARGET`."""


def tar(*entries: Entry, mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in entries:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                kind, _, member.linkname = content.partition(":")
                member.type = tarfile.LNKTYPE if kind == "hard" else tarfile.SYMTYPE
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def saved(path: Path, *layers: bytes) -> Path:
    names = [f"layer{number}/layer.tar" for number in range(len(layers))]
    manifest = json.dumps([{"Config": "config.json", "RepoTags": None, "Layers": names}]).encode()
    path.write_bytes(tar(("manifest.json", manifest), *zip(names, layers, strict=True)))
    return path


def layout(folder: Path, *images: list[bytes], attested: bool = False) -> Path:
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(content: bytes) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    manifests = [put(json.dumps({"layers": [put(layer) for layer in layers]}).encode()) for layers in images]
    if attested:
        manifests.append({**put(b"{}"), "annotations": {"vnd.docker.reference.type": "attestation-manifest"}})
    nested = put(json.dumps({"manifests": manifests}).encode())
    (folder / "index.json").write_text(json.dumps({"manifests": [nested]}))
    return folder


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    return folder


def contents(found: dict[str, str], shelf: Path) -> dict[str, bytes]:
    return {path: (shelf / name).read_bytes() for name, path in found.items()}


def test_programs_of_a_saved_image_are_found_and_other_files_are_not(tmp_path: Path, shelf: Path) -> None:
    layer = tar(("usr/bin/plugin", ELF + b"1"), ("./bin/second", ELF + b"2"), ("etc/passwd", b"root"), ("short", b"E"))
    found = put_aside(saved(tmp_path / "image.tar", layer), shelf)
    assert contents(found, shelf) == {"/usr/bin/plugin": ELF + b"1", "/bin/second": ELF + b"2"}


def test_a_later_layer_replaces_and_removes(tmp_path: Path, shelf: Path) -> None:
    first = tar(*((name, ELF + b"old") for name in ("a", "b", "d/c", "e/f", "g/h", "i")))
    second = tar(
        ("a", ELF + b"new"), (".wh.b", b""), ("d/.wh..wh..opq", b""), ("d/k", ELF), (".wh.e", b""), ("i", "soft:a")
    )
    found = put_aside(saved(tmp_path / "image.tar", first, second), shelf)
    assert contents(found, shelf) == {"/a": ELF + b"new", "/d/k": ELF, "/g/h": ELF + b"old"}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_layout_as_a_folder_or_an_archive_with_every_platform(tmp_path: Path, shelf: Path, mode: str) -> None:
    images = [tar(("plugin", ELF + name), mode=mode) for name in (b"amd64", b"arm64")]
    folder = layout(tmp_path / "layout", *([image] for image in images), attested=True)
    archive = tmp_path / "layout.tar"
    with tarfile.open(archive, "w") as written:
        written.add(folder, ".")
    for image in (folder, archive):
        assert is_image(image)
        found = put_aside(image, shelf)
        assert {(shelf / name).read_bytes() for name in found} == {ELF + b"amd64", ELF + b"arm64"}
        assert set(found.values()) == {"/plugin"}


def test_a_hard_link_is_the_same_program_and_no_other_kind_is_followed(tmp_path: Path, shelf: Path) -> None:
    layer = tar(
        ("busybox", ELF), ("sh", "hard:busybox"), ("outside", "hard:../../etc/passwd"), ("soft", "soft:/bin/ls")
    )
    found = put_aside(saved(tmp_path / "image.tar", layer), shelf)
    assert set(found.values()) <= {"/busybox", "/sh"}
    assert len(list(shelf.iterdir())) == 1


def test_names_in_a_layer_are_no_paths_of_this_machine(tmp_path: Path, shelf: Path) -> None:
    hostile = ["../../../escaped", "/absolute", "a/../../b", "x\ny", "-option"]
    found = put_aside(saved(tmp_path / "image.tar", tar(*((name, ELF) for name in hostile))), shelf)
    assert set(found.values()) == {"/escaped", "/absolute", "/b", "/x\ny", "/-option"}
    assert {path.name for path in shelf.iterdir()} == set(found)
    assert {path.name for path in tmp_path.iterdir()} == {"image.tar", "shelf"}


@pytest.mark.parametrize(
    ("what", "content"),
    {
        "no image": tar(("file", b"x")),
        "layers that are missing": tar(("manifest.json", b'[{"Layers": ["gone"]}]')),
        "no list": tar(("manifest.json", b"{}")),
        "a layer that is no archive": tar(("manifest.json", b'[{"Layers": ["l"]}]'), ("l", b"no tar")),
        "a layer by zstd": tar(("manifest.json", b'[{"Layers": ["l"]}]'), ("l", b"\x28\xb5\x2f\xfd....")),
        "a digest that is a path": tar(("index.json", b'{"manifests": [{"digest": "../../etc:passwd"}]}')),
        "a link around": tar(("manifest.json", "soft:manifest.json")),
    }.items(),
)
def test_what_cannot_be_read_is_one_clear_error(tmp_path: Path, shelf: Path, what: str, content: bytes) -> None:
    (tmp_path / "image.tar").write_bytes(content)
    with pytest.raises(InputError, match="image cannot be read") as caught:
        put_aside(tmp_path / "image.tar", shelf)
    assert ("zstd" in str(caught.value)) == ("zstd" in what)
    assert list(shelf.iterdir()) == []


def test_a_layout_does_not_lead_out_of_its_folder(tmp_path: Path, shelf: Path) -> None:
    folder = layout(tmp_path / "layout", [tar(("plugin", ELF))])
    (blob,) = [path for path in (folder / "blobs/sha256").iterdir() if b"layers" in path.read_bytes()]
    outside = tmp_path / "outside"
    outside.write_bytes(blob.read_bytes())
    blob.unlink()
    blob.symlink_to(outside)
    with pytest.raises(InputError, match="image cannot be read"):
        put_aside(folder, shelf)


def test_a_bomb_is_not_unpacked(tmp_path: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_programs, "LIMIT_BYTES", 1000)
    image = saved(tmp_path / "image.tar", tar(("big", ELF + b"0" * 5000), mode="w:gz"))
    with pytest.raises(InputError, match="image cannot be read") as caught:
        put_aside(image, shelf)
    assert "more than" in str(caught.value.seen)


def test_other_files_are_no_images(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(ELF)
    assert not is_image(tmp_path / "program")
    assert not is_image(tmp_path)
    assert not is_image(tmp_path / "gone")
