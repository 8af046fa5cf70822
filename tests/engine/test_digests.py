"""The same inputs give the same bytes on a host and in containers, both sides from empty caches."""

from __future__ import annotations

import json
import os
import sys
import uuid
from pathlib import Path

import pytest

from tests.engine.calls import Call, checkout, run

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(7200)]
SOMEBODY = ("unshare", "--user", "--map-user=12345", "--map-group=12345")


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each program, as provenance.json has it."""
    document = json.loads((folder / "provenance.json").read_text())
    return {item["name"]: item["sha256"] for item in document["artifacts"]}


def test_empty_caches_on_both_sides_give_the_same_bytes(dagger: Call, tmp_path: Path) -> None:
    """Takes twenty minutes on two processors: everything is compiled twice."""
    if os.environ.get("KMS_E2E_COLD") != "1":
        pytest.skip("KMS_E2E_COLD=1 compiles everything twice, from empty caches")
    fresh = uuid.uuid4().hex
    caches = (f"--build-cache=build-{fresh}", f"--module-cache=modules-{fresh}")
    exported = dagger("call", *caches, "assets", "export", f"--path={tmp_path / 'container'}")
    assert exported.returncode == 0, exported.stderr[-2000:]
    tree, assets = checkout(tmp_path / "some where" / "else"), tmp_path / "assets"
    command = (*SOMEBODY, sys.executable, "-m", "pipeline.cli", "build", f"--output={assets}")
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": "", "KMS_E2E_CACHE": ""}
    built = run(*command, "--component=kube-controller-manager", cwd=tree, env=home)
    assert built.returncode == 0, built.stderr[-2000:]
    assert len(digests(assets)) == 5
    assert digests(tmp_path / "container") == digests(assets)
