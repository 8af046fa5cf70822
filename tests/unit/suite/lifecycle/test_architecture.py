from __future__ import annotations

import pytest

from pipeline.cli.app import run
from pipeline.core.plugin_spec import PluginSpec, ServiceAction
from pipeline.suite.lifecycle.scenarios_architecture import emulated


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


def test_an_unknown_architecture_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["build", "--other-architecture", "riscv"]) == 2
    assert "amd64, arm64, ppc64le, s390x" in capsys.readouterr().err
