"""The control plane as a service on this machine, and the test image without Dagger."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shlex
import signal
import socket
import ssl
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.engine.calls import ROOT, Call
from tests.engine.images import read_image

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(7200)]
READY_S = 600


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def up(run_id: str, port: int, log: Path) -> Iterator[None]:
    """Run `service up` until the block ends."""
    words = ("dagger", "call", f"--run-id={run_id}", "control-plane", "service", "up", f"--ports={port}:6443")
    with log.open("wb") as out, subprocess.Popen(words, cwd=ROOT, stdout=out, stderr=out) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def client(kubeconfig: dict[str, list[dict[str, dict[str, str]]]], folder: Path) -> httpx.Client:
    """Return a client with what a kubeconfig holds."""
    cluster, user = kubeconfig["clusters"][0]["cluster"], kubeconfig["users"][0]["user"]
    for name, value in (("ca", cluster["certificate-authority-data"]), ("crt", user["client-certificate-data"])):
        (folder / name).write_bytes(base64.b64decode(value))
    (folder / "key").write_bytes(base64.b64decode(user["client-key-data"]))
    context = ssl.create_default_context(cafile=str(folder / "ca"))
    context.load_cert_chain(folder / "crt", folder / "key")
    return httpx.Client(base_url=cluster["server"], verify=context, timeout=10)


def ready(api: httpx.Client) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return api.get("/readyz/kms-providers").status_code == 200
    return False


def test_a_control_plane_runs_on_a_port_of_this_machine(dagger: Call, tmp_path: Path, port: int) -> None:
    run_id = uuid.uuid4().hex
    server = f"--server=https://127.0.0.1:{port}"
    made = dagger("call", f"--run-id={run_id}", "control-plane", "kubeconfig", server, "contents")
    assert made.returncode == 0, made.stderr[-2000:]
    with up(run_id, port, tmp_path / "log"), client(json.loads(made.stdout), tmp_path) as api:
        deadline = time.monotonic() + READY_S
        while not ready(api):
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()[-2000:]
            time.sleep(0.5)
        assert api.post("/api/v1/namespaces", json={"metadata": {"name": "demo"}}).status_code == 201
        secret = {"metadata": {"name": "demo"}, "stringData": {"password": "hunter2"}}
        assert api.post("/api/v1/namespaces/demo/secrets", json=secret).status_code == 201
        read = api.get("/api/v1/namespaces/demo/secrets/demo").json()
    assert base64.b64decode(read["data"]["password"]) == b"hunter2"


def test_the_test_image_runs_without_dagger(dagger: Call, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("unpacking an image and changing the root need root")
    exported = dagger("call", "test-image", "as-tarball", "export", f"--path={tmp_path / 'image.tar'}")
    assert exported.returncode == 0, exported.stderr[-2000:]
    root = tmp_path / "root"
    image = read_image(tmp_path / "image.tar")
    configuration = image.configuration
    image.unpack(root)
    line = ["python", "-m", "pipeline.suite", "--assets", "/assets", "--report", "/report"]
    assert configuration["Cmd"] == line
    mounts = "mkdir -p dev proc && mount --rbind /dev dev && mount -t proc proc proc"
    variables = shlex.join(["env", "--ignore-environment", *configuration["Env"]])
    suite = f"cd {configuration['WorkingDir']} && exec {shlex.join(line)} --focus='^(A05|B20) '"
    program = f"{mounts} && exec {variables} chroot . sh -c {shlex.quote(suite)}"
    isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]  # mounts of its own, gone with it
    subprocess.run([*isolated, "sh", "-c", program], cwd=root, check=True, timeout=300)
    report = json.loads((root / "report/report.json").read_text())
    assert (report["planned"], report["exit_code"]) == (["A05", "B20"], 0)
