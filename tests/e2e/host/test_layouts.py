"""Plugins whose source is laid out otherwise: a workspace, a vendor folder, a nested module, cgo."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.core.build_plan import PluginSource
from pipeline.errors import BuildError
from pipeline.host.build import Assets, BuildRequest, build_assets

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
MAIN = 'package main\n\nimport "example.com/shared"\n\nfunc main() { print(shared.Text) }\n'
REQUIRES = "module example.com/plugin\n\ngo 1.26.0\n\nrequire example.com/shared v0.0.0\n"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in {".go-version": "1.26.10\n", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def shared(text: str) -> str:
    return f'package shared\n\nconst Text = "{text}"\n'


def build(root: Path, source: PluginSource, environment: dict[str, str], output: Path) -> Assets:
    return build_assets(
        BuildRequest(source=root, plugin=source, kubernetes=None, environment=environment, output=output)
    )


def said(assets: Assets) -> str:
    return subprocess.run([assets.folder / "kms-plugin"], capture_output=True, text=True, check=True).stderr


def test_a_workspace_takes_its_other_modules_as_they_are(tmp_path: Path, environment: dict[str, str]) -> None:
    root = write(
        tmp_path / "source",
        {
            "go.work": "go 1.26.0\n\nuse (\n\t./plugin\n\t./shared\n)\n",
            "plugin/go.mod": REQUIRES,
            "plugin/cmd/kms/main.go": MAIN,
            "shared/go.mod": "module example.com/shared\n\ngo 1.26.0\n",
            "shared/shared.go": shared("as it was"),
        },
    )
    source = PluginSource(module="plugin", package="./cmd/kms", workspace=True)
    assert said(build(root, source, environment, tmp_path / "assets")) == "as it was"
    (root / "shared" / "shared.go").write_text(shared("changed"))
    changed = build(root, source, environment, tmp_path / "assets")
    assert (said(changed), changed.compiled) == ("changed", ("kms-plugin",))
    with pytest.raises(BuildError, match=r"modules|shared"):
        build(root, PluginSource(module="plugin", package="./cmd/kms"), environment, tmp_path / "alone")


def test_a_vendor_folder_needs_no_module_proxy(tmp_path: Path, environment: dict[str, str]) -> None:
    root = write(
        tmp_path / "source",
        {
            "go.mod": REQUIRES,
            "main.go": MAIN,
            "vendor/modules.txt": "# example.com/shared v0.0.0\n## explicit; go 1.26.0\nexample.com/shared\n",
            "vendor/example.com/shared/shared.go": shared("from vendor"),
        },
    )
    assets = build(root, PluginSource(vendor=True), {**environment, "GOPROXY": "off"}, tmp_path / "assets")
    assert said(assets) == "from vendor"


def test_a_nested_module_is_built_alone(tmp_path: Path, environment: dict[str, str]) -> None:
    root = write(
        tmp_path / "source",
        {
            "go.mod": "module example.com/repository\n\ngo 1.26.0\n",
            "broken.go": "package repository\n\nthis is no Go\n",
            "deploy/kms/go.mod": "module example.com/repository/deploy/kms\n\ngo 1.26.0\n",
            "deploy/kms/main.go": 'package main\n\nfunc main() { print("nested") }\n',
        },
    )
    assert said(build(root, PluginSource(module="deploy/kms"), environment, tmp_path / "assets")) == "nested"


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler")
def test_cgo_links_a_system_library(tmp_path: Path, environment: dict[str, str]) -> None:
    main = (
        "package main\n\n// #cgo LDFLAGS: -lm\n// #include <math.h>\n"
        'import "C"\n\nfunc main() { print(int(C.sqrt(1764))) }\n'
    )
    root = write(tmp_path / "source", {"go.mod": "module example.com/plugin\n\ngo 1.26.0\n", "main.go": main})
    assert said(build(root, PluginSource(cgo=True), {**os.environ, **environment}, tmp_path / "assets")) == "42"
