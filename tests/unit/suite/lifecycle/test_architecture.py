from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.cli.app import run
from pipeline.core.architectures import FOLDER
from pipeline.core.plugin_spec import PluginSpec, ServiceAction
from pipeline.harness.control_plane import Equipment
from pipeline.harness.evidence import Evidence
from pipeline.suite.lifecycle.scenarios_architecture import emulated, other_equipment


def test_programs_of_the_assets_are_emulated_and_others_are_not() -> None:
    spec = PluginSpec(
        name="p",
        argv=("{assets}/kms-plugin", "--listen", "{socket}", "--keys={assets}/keys"),
        hooks={
            "rotate": ("{assets}/kms-plugin", "rotate"),
            "metrics": ("curl", "--data", "{assets}/x"),
            "break_backend": ServiceAction(stop="keys"),
        },
    )
    found = emulated(spec, "/usr/bin/qemu-s390x", "/other")
    assert found.argv == ("/usr/bin/qemu-s390x", "/other/kms-plugin", "--listen", "{socket}", "--keys=/other/keys")
    assert found.hooks == {
        "rotate": ("/usr/bin/qemu-s390x", "/other/kms-plugin", "rotate"),
        "metrics": ("curl", "--data", "/other/x"),
        "break_backend": ServiceAction(stop="keys"),
    }


def equipment(folder: Path, **spec: str) -> Equipment:
    """Return equipment with a plugin for s390x beside this machine's."""
    other = folder / FOLDER
    other.mkdir()
    plugin = PluginSpec("p", ("{assets}/p",), **spec)  # type: ignore[arg-type] # texts are enough here
    (other / "plugin.json").write_text(plugin.to_json())
    (other / "provenance.json").write_text('{"platform": "linux/s390x", "artifacts": [{"name": "p", "sha256": "0"}]}')
    return Equipment(folder, plugin, Evidence(folder / "report"))


def skipped(monkeypatch: pytest.MonkeyPatch, found: Equipment, *programs: str) -> str:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name in programs else None)
    with pytest.raises(pytest.skip.Exception) as reason:
        other_equipment(found)
    return str(reason.value)


def test_what_is_missing_is_the_reason_not_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = Equipment(tmp_path, PluginSpec("p", ("p",)), Evidence(tmp_path))
    missing = "needs another architecture: "
    assert skipped(monkeypatch, alone) == f"{missing}kms-e2e build --other-architecture arm64"
    found = equipment(tmp_path, user="nobody")
    assert skipped(monkeypatch, found, "qemu-aarch64") == (
        f"{missing}qemu-s390x is not on PATH (Debian: qemu-user-static)"
    )
    assert "of another user" in skipped(monkeypatch, found, "qemu-s390x-static")


def test_the_emulator_runs_the_plugin_of_the_other_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name.endswith("-static") else None)
    name, other = other_equipment(equipment(tmp_path))
    assert name == "s390x"
    assert other.plugin.argv == ("/bin/qemu-s390x-static", f"{tmp_path / FOLDER}/p")


def test_an_unknown_architecture_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["build", "--other-architecture", "riscv"]) == 2
    assert "amd64, arm64, ppc64le, s390x" in capsys.readouterr().err
