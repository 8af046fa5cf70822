"""What the command line says of the control plane: which plugin is tested, and which programs there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.kubernetes_options import KubernetesChoice
from pipeline.core.components import PREVIOUS_API_SERVER
from pipeline.core.kubernetes import MOCK_PLUGIN
from pipeline.host.kubernetes_sources import Folder
from pipeline.host.project import find_project

CONFIG = 'name = "x"\n[program]\npath = "x"\n[run]\nargv = ["{assets}/kms-plugin", "unix://{socket}"]\n'


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "tree"
    (root / MOCK_PLUGIN).mkdir(parents=True)
    (root / "cmd" / "kube-controller-manager").mkdir(parents=True)
    return root


def test_the_mock_of_a_tree_is_the_plugin_when_nothing_else_is_named(tree: Path) -> None:
    choice, other = KubernetesChoice(tree=tree), Path("other")
    assert choice.plugin(None) is None  # there is no module
    (tree / MOCK_PLUGIN / "go.mod").write_text("module k8s.io/kms/plugins/mock\n")
    assert choice.plugin(None) == tree / MOCK_PLUGIN
    assert find_project(tree / MOCK_PLUGIN).config.name == "kubernetes-mock"
    (tree / MOCK_PLUGIN / "kms-e2e.toml").write_text(CONFIG)
    assert find_project(tree / MOCK_PLUGIN).config.name == "x"
    assert choice.plugin(other) == other
    assert KubernetesChoice().plugin(None) is None
    Path("kms-e2e.toml").write_text(CONFIG)
    assert choice.plugin(None) is None  # the current folder's


def test_a_place_gives_the_programs_that_it_has(tree: Path, tmp_path: Path) -> None:
    asked = ("kube-controller-manager", PREVIOUS_API_SERVER)
    (tmp_path / "kube-controller-manager").touch()
    assert KubernetesChoice().offered(asked) == asked
    assert KubernetesChoice("1.36").offered(asked) == asked
    assert KubernetesChoice(tree=tree).offered(asked) == asked[:1]
    assert KubernetesChoice(binaries=tmp_path).offered(asked) == asked[:1]
    assert KubernetesChoice("1.36", release=True).offered(asked) == ()


def test_a_version_of_the_plugin_s_configuration_beats_the_environment(tree: Path, tmp_path: Path) -> None:
    inherited = {"KUBEBUILDER_ASSETS": str(tmp_path)}
    named = tree / "kms-e2e.toml"
    named.write_text(CONFIG)
    assert KubernetesChoice().settled(named).source(inherited) == Folder(tmp_path)
    named.write_text(f'kubernetes = ["1.34"]\n{CONFIG}')
    settled = KubernetesChoice().settled(named)
    assert (settled.kubernetes, settled.source(inherited), settled.inherited(inherited)) == ("1.34", None, None)


def test_of_several_versions_the_first_is_run_and_the_others_are_named(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / "kms-e2e.toml").write_text(f'kubernetes = ["1.36", "1.37"]\n{CONFIG}')
    assert KubernetesChoice().settled(tree).kubernetes == "1.36"
    assert "`kms-e2e matrix` runs 1.37 too" in capsys.readouterr().err


def test_what_the_command_line_names_beats_the_plugin_s_configuration(tree: Path, tmp_path: Path) -> None:
    named = tree / "kms-e2e.toml"
    named.write_text(f'kubernetes = ["1.34"]\n{CONFIG}')
    for choice in (KubernetesChoice("1.36"), KubernetesChoice(binaries=tmp_path), KubernetesChoice(tree=tree)):
        assert choice.settled(named) == choice
