"""A command that falls back on the reference plugin says so: its green run must not look like one of the author's."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.assets import ensure_assets, project_at
from pipeline.core.go_resolution import VersionFile, resolve
from pipeline.host.build import Assets
from pipeline.host.project import reference_project

ROOT = Path(__file__).parents[3]


def test_the_fallback_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert project_at(None).root == reference_project().root
    assert f"no kms-e2e.toml in {tmp_path}: this is about the reference plugin" in capsys.readouterr().err


def test_the_folders_own_plugin_needs_no_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kms-e2e.toml").write_text((ROOT / "kms-e2e.toml").read_text())
    for folder, place in ((ROOT, None), (tmp_path, None), (ROOT, tmp_path)):
        monkeypatch.chdir(folder)
        assert project_at(place).root == (tmp_path if folder == tmp_path or place else ROOT)
    assert capsys.readouterr().err == ""


def test_a_run_says_which_go_and_where_it_stands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = resolve({}, VersionFile("/plugin/.go-version", b"1.26.10\n"))
    built = Assets(Path("assets"), (), go_version="1.26.10", resolution=chosen)
    monkeypatch.setattr("pipeline.cli.assets.build_assets", lambda *_: built)
    ensure_assets(None)
    assert capsys.readouterr().out == "Go of the plugin: 1.26.10, from .go-version (/plugin/.go-version)\n"
