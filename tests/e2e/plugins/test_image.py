"""A plugin that is a container image: several layers, a working folder, a user by name; the suite runs on it."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from pipeline.cli.app import run
from pipeline.core.plugin_spec import PluginSpec
from pipeline.core.result import Outcome
from pipeline.harness.jail import Jail, copy_root
from pipeline.harness.plugin import Plugin
from pipeline.harness.supervisor import Supervisor
from pipeline.host.image import ImagePart
from pipeline.host.jobs import host_platform
from pipeline.report.evidence import read_report

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root"),
]

UID, GID = 65532, 4711
RING = "/tmp/ring.json"
CONFIG = f"""\
name = "image"

[image]
archive = "image.tar"

[run]
argv = ["./kms", "serve", "--listen=unix://{{socket}}", "--key-ring={RING}"]

[hooks]
rotate = ["./kms", "rotate", "--key-ring={RING}"]
"""


def add(layer: tarfile.TarFile, name: str, content: bytes | str | None, mode: int = 0o644, owner: int = 0) -> None:
    """Add a file, a link for a text, or a folder for None."""
    info = tarfile.TarInfo(name)
    info.mode, info.uid, info.gid = mode, owner, owner
    if content is None:
        info.type = tarfile.DIRTYPE
    elif isinstance(content, str):
        info.type, info.linkname = tarfile.SYMTYPE, content
    else:
        info.size = len(content)
    layer.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)


def save_image(path: Path, program: Path) -> Path:
    """Write an image of three layers, as `docker save` does for a Dockerfile with WORKDIR and USER."""
    buffers = [io.BytesIO() for _ in range(3)]
    base, middle, top = (tarfile.open(fileobj=buffer, mode="w") for buffer in buffers)  # noqa: SIM115 - closed below
    add(base, "tmp", None, 0o1777)
    add(base, "etc/passwd", b"root:x:0:0::/root:/bin/sh\n")
    add(base, "etc/localtime", "/usr/share/zoneinfo/UTC")
    add(base, "app/kms", "/bin/false")
    add(middle, "etc/passwd", f"root:x:0:0::/root:/bin/sh\nkms:x:{UID}:{UID}::/home/kms:\n".encode())
    add(middle, "etc/group", f"keys:x:{GID}:\n".encode())
    add(middle, "etc/localtime", "/usr/share/zoneinfo/Europe/Berlin")
    add(middle, "home/kms", None, 0o750, UID)
    add(top, "app/kms", program.read_bytes(), 0o755)
    add(top, "app/data/key.json", b"v1", 0o600, UID)
    for layer in (base, middle, top):
        layer.close()
    system, architecture = host_platform().split("/")
    start = {"Entrypoint": ["./kms"], "WorkingDir": "/app", "User": "kms:keys", "Env": ["A=1"]}
    names = [f"layer{number}.tar" for number in range(3)]
    with tarfile.open(path, "w") as archive:
        add(archive, "manifest.json", json.dumps([{"Config": "config.json", "Layers": names}]).encode())
        config = {"os": system, "architecture": architecture, "config": start}
        add(archive, "config.json", json.dumps(config).encode())
        for name, buffer in zip(names, buffers, strict=True):
            add(archive, name, buffer.getvalue())
    return path


def test_the_suite_runs_on_an_image(assets: Path, tmp_path: Path) -> None:
    ids = ("A05", "B20")
    save_image(tmp_path / "image.tar", assets / "kms-plugin")
    config, folder, report = tmp_path / "kms-e2e.toml", tmp_path / "assets", tmp_path / "report"
    config.write_text(CONFIG)
    assert run(["build", "--config", str(config), "--kubernetes", "", "--output", str(folder)]) == 0
    for name in ("kube-apiserver", "etcd", "etcdutl"):
        shutil.copy2(assets / name, folder / name)
    words = [word for name in ids for word in ("--id", name)]
    assert run(["run", "--assets", str(folder), "--report", str(report), *words]) == 0
    found = {item.id: item.outcome for item in read_report(report).scenarios if item.id in ids}
    assert found == dict.fromkeys(ids, Outcome.PASSED)


def test_an_image_starts_as_it_says(assets: Path, tmp_path: Path) -> None:
    folder = tmp_path / "assets"
    folder.mkdir()
    part = ImagePart(save_image(tmp_path / "image.tar", assets / "kms-plugin"), host_platform())
    part.place(folder / part.name)
    start = part.read()
    ring = f"--key-ring={RING}"
    spec = PluginSpec(
        "image",
        (*start.argv, "serve", "--listen=unix://{socket}", ring),
        env=start.env,
        hooks={"rotate": ("./kms", "rotate", ring)},
        user=start.user,
        root=part.name,
        workdir=start.workdir,
    )
    with Supervisor("image", logs=tmp_path / "logs") as supervisor:
        plugin = Plugin(spec, supervisor, assets=folder)
        plugin.start()
        encrypted = plugin.client.encrypt(b"x" * 32)
        assert plugin.process is not None
        proc = Path(f"/proc/{plugin.process.pid}")
        root = (proc / "root").readlink()
        assert root == supervisor.folder / "kms-plugin" / "root"
        assert (proc / "cwd").readlink() == root / "app"
        status = (proc / "status").read_text()
        assert f"Uid:\t{UID}\t{UID}" in status
        assert f"Gid:\t{GID}\t{GID}" in status
        assert {b"HOME=/home/kms", b"A=1"} <= set((proc / "environ").read_bytes().split(b"\0"))
        assert plugin.socket.is_relative_to(root)
        assert (root / RING.lstrip("/")).stat().st_uid == UID
        plugin.hook("rotate")
        sibling = plugin.sibling("other")
        sibling.start()
        assert sibling.client.decrypt(encrypted) == b"x" * 32
        assert str(supervisor.folder) not in Path("/proc/self/mounts").read_text()
        for client in (plugin.client, sibling.client):
            client.close()


@pytest.mark.parametrize(("uid", "shared"), [(UID, False), (UID + 1, True)])
def test_control_planes_share_no_file_that_the_plugin_can_change(tmp_path: Path, uid: int, shared: bool) -> None:
    file = tmp_path / "image" / "data" / "key.json"
    file.parent.mkdir(parents=True)
    file.write_text("v1")
    os.chown(file, UID, UID)
    for plane in ("a", "b"):
        copy_root(tmp_path / "image", tmp_path / plane, Jail(uid, uid))
    (tmp_path / "a" / "data" / "key.json").write_text("v2")
    assert {(tmp_path / name / "data" / "key.json").read_text() for name in ("image", "b")} == {
        "v2" if shared else "v1"
    }
    assert (tmp_path / "b" / "data" / "key.json").stat().st_uid == UID
