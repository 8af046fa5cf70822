"""`plugin` on a real engine: program, image, bill of materials, provenance, and what they refuse."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from pathlib import Path

import httpx
import pytest

from tests.engine.calls import ROOT, Call
from tests.engine.images import read_image

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(3600)]
PLUGIN = ("call", "plugin")


def test_the_papers_are_of_the_program_that_was_built(dagger: Call, tmp_path: Path) -> None:
    program = tmp_path / "kms-plugin"
    assert dagger(*PLUGIN, "binary", "export", f"--path={program}").returncode == 0
    sbom = json.loads(dagger(*PLUGIN, "sbom", "contents").stdout)
    provenance = json.loads(dagger(*PLUGIN, "provenance", "contents").stdout)
    description = json.loads(dagger(*PLUGIN, "description", "contents").stdout)
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    (artifact,) = provenance["artifacts"]
    assert (artifact["name"], artifact["sha256"], artifact["go_version"]) == ("kms-plugin", digest, "1.26.10")
    assert {"alg": "SHA-256", "content": digest} in sbom["metadata"]["component"]["hashes"]
    assert any(item["name"] == "google.golang.org/grpc" for item in sbom["components"])
    assert description["name"] == "reference"


def test_its_image_has_no_root_user_and_says_what_it_is_made_from(dagger: Call, tmp_path: Path) -> None:
    file = tmp_path / "plugin.tar"
    exported = dagger(*PLUGIN, "image", "--revision=0a1b2c", "as-tarball", "export", f"--path={file}")
    assert exported.returncode == 0, exported.stderr[-2000:]
    image = read_image(file)
    assert image.configuration["User"] == "65532:65532"
    assert image.configuration["Entrypoint"] == ["/kms-plugin"]
    assert not image.configuration.get("Cmd")
    labels = image.configuration["Labels"]
    assert labels["org.golang.version"] == "1.26.10"
    assert labels["org.opencontainers.image.revision"] == "0a1b2c"
    assert image.files()["/kms-plugin"].mode == 0o755
    assert not {"/bin/sh", "/bin/bash", "/usr/bin/sh", "/usr/bin/dash"} & set(image.files())


def test_a_module_proxy_that_does_not_answer_is_one_message(dagger: Call) -> None:
    cache = f"--module-cache=modules-{uuid.uuid4().hex}"
    failed = dagger("call", "--goproxy=https://127.0.0.1:9", cache, "plugin", "binary", "sync")
    assert failed.returncode == 1
    assert "compiling kms-plugin failed" in failed.stderr
    assert "https://127.0.0.1:9/" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("plugin", "image", "--base=debian:no-such-tag", "sync"), "debian:no-such-tag"),
        ((f"--source={ROOT / 'examples/plugins/softhsm'}", "plugin", "image"), "a plugin that is built with cgo needs"),
    ],
)
def test_an_image_that_cannot_be_made_is_one_message(dagger: Call, words: tuple[str, ...], message: str) -> None:
    failed = dagger("call", *words)
    assert failed.returncode == 1
    assert message in failed.stderr
    assert "Traceback" not in failed.stderr


def test_its_image_is_published_with_the_same_labels(dagger: Call) -> None:
    registry = os.environ.get("KMS_E2E_REGISTRY")
    if not registry:
        pytest.skip("KMS_E2E_REGISTRY names no registry over HTTP to publish to, such as 127.0.0.1:5000")
    tag = uuid.uuid4().hex
    published = dagger(*PLUGIN, "image", "publish", f"--address={registry}/kms-plugin:{tag}")
    assert published.returncode == 0, published.stderr[-2000:]
    reference = published.stdout.strip()
    assert reference.startswith(f"{registry}/kms-plugin:{tag}@sha256:")
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    with httpx.Client(base_url=f"http://{registry}/v2/kms-plugin") as api:
        manifest = api.get(f"/manifests/{reference.partition('@')[2]}", headers=accept).raise_for_status().json()
        configuration = api.get(f"/blobs/{manifest['config']['digest']}").raise_for_status().json()["config"]
    assert configuration["Labels"]["org.golang.version"] == "1.26.10"
    assert configuration["User"] == "65532:65532"
