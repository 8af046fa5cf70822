from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from pipeline.cli.app import run
from pipeline.core.config.spec import ImageStart
from pipeline.errors import InputError
from pipeline.host.build import request_for
from pipeline.host.image import ImagePart
from pipeline.host.parts import digest_of, place_parts, project_parts
from pipeline.host.project import find_project
from pipeline.host.source import find_version_file, source_digest

RUN = '[run]\nargv = ["{assets}/kms-plugin"]\n'


def project(folder: Path, text: str) -> Path:
    (folder / "kms-e2e.toml").write_text(f'name = "x"\n{text}{RUN}')
    return folder


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def tar(members: dict[str, bytes | str]) -> bytes:
    """Return a tar archive; a text is the target of a symbolic link."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in members.items():
            if isinstance(content, bytes):
                add(archive, name, content)
            else:
                info = tarfile.TarInfo(name)
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
    return stream.getvalue()


def image(path: Path, *layers: bytes, architecture: str = "amd64") -> Path:
    """Write what `docker save` writes."""
    config = {
        "os": "linux",
        "architecture": architecture,
        "config": {"Entrypoint": ["/plugin"], "Cmd": ["serve"], "Env": ["A=1"], "User": "65532"},
    }
    names = [f"layer{number}.tar" for number in range(len(layers))]
    with tarfile.open(path, "w") as archive:
        add(archive, "manifest.json", json.dumps([{"Config": "config.json", "Layers": names}]).encode())
        add(archive, "config.json", json.dumps(config).encode())
        for name, layer in zip(names, layers, strict=True):
            add(archive, name, layer)
    return path


def oci(path: Path, layer: bytes) -> Path:
    """Write an OCI layout."""
    config = {"os": "linux", "architecture": "amd64", "config": {"Entrypoint": ["/plugin"]}}
    manifest = {"config": {"digest": "sha256:c"}, "layers": [{"digest": "sha256:l"}]}
    with tarfile.open(path, "w") as archive:
        add(archive, "index.json", json.dumps({"manifests": [{"digest": "sha256:m"}]}).encode())
        for name, content in (("m", json.dumps(manifest)), ("c", json.dumps(config))):
            add(archive, f"blobs/sha256/{name}", content.encode())
        add(archive, "blobs/sha256/l", layer)
    return path


def test_a_folder_a_file_and_a_pyproject_name_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(tmp_path, "")
    assert find_project(tmp_path).root == tmp_path
    assert find_project(tmp_path / "kms-e2e.toml").config.name == "x"
    monkeypatch.chdir(tmp_path)
    assert find_project(None).config.name == "x"
    (tmp_path / "kms-e2e.toml").rename(tmp_path / "other.toml")
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.kms-e2e]\nname = "y"\n{RUN.replace("[run]", "[tool.kms-e2e.run]")}'
    )
    assert find_project(tmp_path).config.name == "y"
    assert find_project(tmp_path / "other.toml").config.name == "x"


def test_a_folder_without_configuration_points_to_init(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["build", "--config", str(tmp_path)]) == 2
    shown = capsys.readouterr().err
    assert "nothing says how to build and run the plugin" in shown
    assert "kms-e2e init" in shown
    assert run(["build", "--config", str(tmp_path / "absent.toml")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_without_a_configuration_here_it_is_the_reference_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_project(None).config.name == "reference"


@pytest.mark.parametrize(
    ("mode", "words"), [(None, "is not there"), (0o644, "chmod +x")], ids=["absent", "not executable"]
)
def test_a_program_that_is_none(tmp_path: Path, mode: int | None, words: str) -> None:
    if mode is not None:
        (tmp_path / "p").write_text("#!/bin/sh\n")
        (tmp_path / "p").chmod(mode)
    with pytest.raises(InputError) as caught:
        project_parts(find_project(project(tmp_path, '[program]\npath = "p"\n')), "linux/amd64")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("machine", "seen"), [(183, "linux/arm64"), (8, "e_machine 8"), (62, None)], ids=["arm64", "MIPS", "its own"]
)
def test_a_program_for_another_machine(tmp_path: Path, machine: int, seen: str | None) -> None:
    (tmp_path / "p").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(11) + machine.to_bytes(2, "little") + bytes(44))
    (tmp_path / "p").chmod(0o755)
    made = find_project(project(tmp_path, '[program]\npath = "p"\n'))
    if seen is None:
        assert project_parts(made, "linux/amd64")
        return
    with pytest.raises(InputError, match="another platform") as caught:
        project_parts(made, "linux/amd64")
    assert (caught.value.seen, caught.value.wanted) == (seen, "linux/amd64")


def test_a_program_is_taken_as_it_is_and_again_when_it_changes(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("#!/bin/sh\n")
    (tmp_path / "p").chmod(0o755)
    parts = project_parts(find_project(project(tmp_path, '[program]\npath = "p"\n')), "linux/amd64")
    (tmp_path / "assets").mkdir()
    place_parts(parts, tmp_path / "assets")
    assert os.access(tmp_path / "assets" / "kms-plugin", os.X_OK)
    before = digest_of(parts)
    (tmp_path / "p").write_text("#!/bin/sh\necho\n")
    assert digest_of(parts) != before
    place_parts(parts, tmp_path / "assets")
    assert "echo" in (tmp_path / "assets" / "kms-plugin").read_text()


def test_the_second_plugin_is_built_beside_the_first(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "p").write_text("#!/bin/sh\n")
    (tmp_path / "p").chmod(0o755)
    (tmp_path / "b" / "kms-e2e.toml").write_text(f'name = "b"\nmigrate_to = ".."\n{RUN}')
    project(tmp_path, 'migrate_to = "b"\nkubernetes = ["1.37"]\n')
    request = request_for(find_project(tmp_path))
    assert request.kubernetes == "1.37"
    assert request.second is not None
    assert request.second.spec is not None
    assert request.second.spec.name == "b"
    assert request.second.second is None


@pytest.mark.parametrize("make", [image, oci])
def test_an_image_says_how_it_starts(tmp_path: Path, make: object) -> None:
    path = image(tmp_path / "i.tar", tar({})) if make is image else oci(tmp_path / "i.tar", tar({}))
    start = ImagePart(path, "linux/amd64").read()
    assert start.argv[0] == "/plugin"
    if make is image:
        assert start == ImageStart(("/plugin", "serve"), (("A", "1"),), "65532")


def test_an_image_of_another_platform_and_no_image_are_refused(tmp_path: Path) -> None:
    path = image(tmp_path / "i.tar", tar({}), architecture="arm64")
    with pytest.raises(InputError) as caught:
        ImagePart(path, "linux/amd64").read()
    assert (caught.value.seen, caught.value.wanted) == ("linux/arm64", "linux/amd64")
    for content in (b"", b"no archive", tar({"x": b""}), tar({"manifest.json": b"[]"})):
        path.write_bytes(content)
        with pytest.raises(InputError, match="image cannot be read"):
            ImagePart(path, "linux/amd64").read()


@pytest.mark.skipif(os.geteuid() != 0, reason="owners need root")
def test_layers_lie_over_each_other_with_whiteouts(tmp_path: Path) -> None:
    first = tar({"plugin": b"1", "etc/a": b"a", "etc/b": b"b", "old/x": b"x", "link": "plugin"})
    second = tar({"plugin": b"2", "etc/.wh.a": b"", "old/.wh..wh..opq": b"", "old/y": b"y"})
    path = image(tmp_path / "i.tar", first, gzip.compress(second))
    root = tmp_path / "root"
    ImagePart(path, "linux/amd64").place(root)
    found = {str(entry.relative_to(root)) for entry in root.rglob("*") if not entry.is_dir()}
    assert found == {"plugin", "etc/b", "old/y", "link"}
    assert (root / "plugin").read_bytes() == b"2"


def test_go_mod_stands_in_for_a_version_file(tmp_path: Path) -> None:
    module = tmp_path / "m"
    module.mkdir()
    for text, version in (
        ("go 1.26.0\n\ntoolchain go1.26.10\n", b"1.26.10"),
        ("go 1.26\n", b"1.26.0"),
        ("go 1.26.3\n", b"1.26.3"),
        ("go 1.27rc1\n", b"1.27rc1"),
    ):
        (module / "go.mod").write_text(f"module x\n\n{text}")
        found = find_version_file(tmp_path, module)
        assert (found.content, found.name, found.path) == (version, "go.mod", str(module / "go.mod"))
    (tmp_path / ".go-version").write_text("1.25.9\n")
    assert find_version_file(tmp_path, module).content == b"1.25.9\n"
    (module / ".go-version").write_text("1.25.8\n")
    assert find_version_file(tmp_path, module).content == b"1.25.8\n"


def test_a_workspace_s_other_modules_decide_the_bytes_too(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "go.mod").write_text(f"module {name}\n")
    (tmp_path / "go.work").write_text("go 1.26.0\n\nuse (\n\t./a\n\t./b\n)\n")
    alone, shared = source_digest(tmp_path / "a"), source_digest(tmp_path / "a", workspace=True)
    (tmp_path / "b" / "b.go").write_text("package b\n")
    assert source_digest(tmp_path / "a") == alone
    assert source_digest(tmp_path / "a", workspace=True) != shared
