"""A control plane from an image of kube-apiserver that was saved as a file."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from pipeline.cli.kubernetes_options import KubernetesChoice
from pipeline.errors import InputError
from pipeline.host.build import Assets, BuildRequest, build_assets
from pipeline.host.kubernetes_sources import Image, KubernetesSource, Tree
from tests.e2e.host.kubernetes_tree import make_tree

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
DECIDING = ("GOTOOLCHAIN", "GO_VERSION", "FORCE_HOST_GO")


def build(source: KubernetesSource, folder: Path) -> Assets:
    user = {name: value for name, value in os.environ.items() if name not in DECIDING}
    return build_assets(BuildRequest(with_plugin=False, kubernetes_source=source, output=folder, environment=user))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a program that says which Kubernetes it is."""
    folder = tmp_path_factory.mktemp("program")
    return (build(Tree(make_tree(folder / "tree")), folder / "assets").folder / "kube-apiserver").read_bytes()


def save(path: Path, program: bytes, name: str = "usr/local/bin/kube-apiserver", *, damage: bytes = b"") -> Path:
    """Write an OCI layout as one archive, with a layer that differs from its digest by `damage`."""
    layer = _tar({name: program})
    blobs: dict[str, bytes] = {}

    def put(content: bytes) -> dict[str, str]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"digest": f"sha256:{digest}"}

    described = put(layer)
    blobs[f"blobs/sha256/{described['digest'].partition(':')[2]}"] += damage
    manifest = put(json.dumps({"layers": [described]}).encode())
    path.write_bytes(_tar({"index.json": json.dumps({"manifests": [manifest]}).encode(), **blobs}))
    return path


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_kube_apiserver_is_taken_out_of_the_image(program: bytes, tmp_path: Path) -> None:
    archive = save(tmp_path / "image.tar", program)
    source = KubernetesChoice(binaries=archive).source({})
    assert source == Image(archive)
    assets = build(source, tmp_path / "assets")
    said = subprocess.run([assets.folder / "kube-apiserver", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == f"Kubernetes {assets.kubernetes}" == "Kubernetes v1.38.0-alpha.1"
    provenance = json.loads((assets.folder / "provenance.json").read_text())
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert provenance["kubernetes_source"] == {"kind": "container image", "archive_sha256": digest}
    taken = {item["name"]: item["sha256"] for item in provenance["artifacts"]}
    assert taken["kube-apiserver"] == hashlib.sha256(program).hexdigest()


def test_a_layer_with_other_bytes_than_its_digest_is_refused(program: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read") as caught:
        build(Image(save(tmp_path / "image.tar", program, damage=b"x")), tmp_path / "assets")
    assert "has the sha256" in str(caught.value.seen)


def test_an_image_without_the_program_or_of_another_platform_is_refused(program: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no kube-apiserver") as caught:
        build(Image(save(tmp_path / "other.tar", program, "usr/bin/other")), tmp_path / "assets")
    assert caught.value.seen == "no program kube-apiserver"
    foreign = program[:18] + (21).to_bytes(2, "little") + program[20:]  # EM_PPC64
    with pytest.raises(InputError, match="has no kube-apiserver") as caught:
        build(Image(save(tmp_path / "foreign.tar", foreign)), tmp_path / "assets")
    assert "of another platform" in str(caught.value.seen)
