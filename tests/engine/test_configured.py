"""What kms-e2e.toml can ask for, in containers: packages, secrets, a service, a second plugin, an image."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.calls import ROOT, Call

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(7200)]
PLUGINS = ROOT / "examples/plugins"
PIN = "1234-pin-of-a-test"


def outcomes(dagger: Call, folder: Path, *words: str, focus: str, env: dict[str, str] | None = None) -> dict[str, str]:
    """Run a part of the suite and return how each selected scenario ended."""
    export = ("report", f"--focus={focus}", "directory", "export", f"--path={folder}")
    answer = dagger("call", *words, *export, env=env or {})
    assert answer.returncode == 0, answer.stderr[-3000:]
    report = json.loads((folder / "report.json").read_text())
    return {row["id"]: row["outcome"] for row in report["scenarios"] if row["id"] in report["planned"]}


def test_packages_cgo_and_a_secret_that_is_written_nowhere(dagger: Call, tmp_path: Path) -> None:
    words = (f"--source={PLUGINS / 'softhsm'}", "--secrets=env://HSM_PIN")
    ended = outcomes(dagger, tmp_path, *words, focus="^(A05|A16|C31) ", env={"HSM_PIN": PIN})
    assert ended == {"A05": "passed", "A16": "passed", "C31": "passed"}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if PIN.encode() in path.read_bytes()]


def test_a_secret_that_was_not_passed_is_named(dagger: Call) -> None:
    answer = dagger("call", f"--source={PLUGINS / 'softhsm'}", "report", "--focus=^A05", "passed")
    assert answer.returncode == 1
    assert "the secret HSM_PIN was not passed" in answer.stderr
    assert "pass --secrets=env://HSM_PIN" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_package_that_does_not_exist_is_one_message(dagger: Call, tmp_path: Path) -> None:
    text = (ROOT / "kms-e2e.toml").read_text().replace("[run]\n", '[run]\nsystem_packages = ["no-such-package"]\n')
    (tmp_path / "kms-e2e.toml").write_text(text)
    answer = dagger("call", f"--config={tmp_path / 'kms-e2e.toml'}", "test-image", "sync")
    assert answer.returncode == 1
    assert "no-such-package" in answer.stderr
    assert "correct run.system_packages in kms-e2e.toml" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_side_service_and_a_migration_to_a_second_plugin(dagger: Call, tmp_path: Path) -> None:
    folder = PLUGINS / "python"
    words = (f"--source={folder}", f"--config={folder / 'key-server.toml'}")
    assert outcomes(dagger, tmp_path, *words, focus="^(A05|D46|E52) ") == dict.fromkeys(("A05", "D46", "E52"), "passed")
    planes = [path.parent for path in (tmp_path / "logs").rglob("kms-plugin-b.log")]
    assert planes  # the second plugin ran


def test_a_plugin_in_an_image_runs_as_the_images_user(dagger: Call, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    made = dagger("call", "plugin", "image", "as-tarball", "export", f"--path={source / 'plugin.tar'}")
    assert made.returncode == 0, made.stderr[-2000:]
    hook = '["/kms-plugin", "rotate", "--key-ring", "{state}/ring.json"]'
    (source / "kms-e2e.toml").write_text(
        'name = "imaged"\n[image]\narchive = "plugin.tar"\n[run]\n'
        'argv = ["/kms-plugin", "serve", "--listen", "unix://{socket}", "--key-ring", "{state}/ring.json"]\n'
        f"[hooks]\nrotate = {hook}\n"
    )
    ended = outcomes(dagger, tmp_path / "report", f"--source={source}", focus="^(A01|A05|C31) ")
    assert ended == {"A01": "passed", "A05": "passed", "C31": "passed"}


def test_an_image_that_does_not_exist_is_one_message(dagger: Call, tmp_path: Path) -> None:
    (tmp_path / "kms-e2e.toml").write_text('name = "imaged"\n[image]\nreference = "no-such/image:1"\n')
    answer = dagger("call", f"--source={tmp_path}", "assets", "sync")
    assert answer.returncode == 1
    assert "the plugin's image cannot be had" in answer.stderr
    assert "no-such/image:1" in answer.stderr
    assert "Traceback" not in answer.stderr
