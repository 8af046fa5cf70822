from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.app import run
from pipeline.core.config import config_from_toml
from pipeline.core.config.writing import first_config
from pipeline.host.look import look

MAIN = 'package main\n\nimport "flag"\n\nvar socket = flag.String("socket-path", "/run/x.sock", "where to listen")\n'
DOCKERFILE = 'FROM scratch\nENTRYPOINT ["/kms", "serve"]\nCMD ["--listen", "unix:///run/kms/kms.sock", "--v=2"]\n'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, text in {
        "go.mod": "module example.com/acme-kms\n\ngo 1.26.0\n",
        "cmd/tool/main.go": "package main\n",
        "cmd/kms/main.go": MAIN,
        "cmd/kms/main_test.go": "package main\n",
        "internal/keys/keys.go": "package keys\n",
        "vendor/x/main.go": "package main\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_the_main_package_and_its_socket_flag_are_found(repository: Path) -> None:
    config = config_from_toml(first_config(look(repository), None))
    assert config.name == "acme-kms"
    assert config.go is not None
    assert (config.go.module, config.go.package, config.go.cgo) == (".", "./cmd/kms", False)
    assert config.run.argv == ("{assets}/kms-plugin", "--socket-path=unix://{socket}")


def test_an_image_s_start_is_taken_over_with_the_socket_replaced(repository: Path) -> None:
    (repository / "Dockerfile").write_text(DOCKERFILE)
    config = config_from_toml(first_config(look(repository), None))
    assert config.run.argv == ("{assets}/kms-plugin", "serve", "--listen", "unix://{socket}", "--v=2")


def test_a_nested_module_a_workspace_a_vendor_folder_and_cgo(repository: Path) -> None:
    (repository / "cmd/kms/go.mod").write_text("module example.com/kms\n\nrequire github.com/miekg/pkcs11 v1.1.1\n")
    (repository / "cmd/kms/vendor").mkdir()
    (repository / "cmd/kms/vendor/modules.txt").write_text("")
    (repository / "go.work").write_text("go 1.26.0\n\nuse ./cmd/kms\n")
    go = config_from_toml(first_config(look(repository), None)).go
    assert go is not None
    assert (go.module, go.package, go.cgo, go.vendor, go.workspace) == ("cmd/kms", ".", True, True, True)


def test_a_repository_that_is_not_go_is_a_program_to_be_named(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text("print()\n")
    config = config_from_toml(first_config(look(tmp_path), None))
    assert config.go is None
    assert config.program is not None


def test_init_writes_once_and_never_over_a_file(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(repository)]) == 0
    text = (repository / "kms-e2e.toml").read_text()
    assert text.startswith("#:schema ./kms-e2e.schema.json\n")
    assert (repository / "kms-e2e.schema.json").is_file()
    assert run(["init", str(repository)]) == 2
    assert "there is a configuration already" in capsys.readouterr().err
    assert (repository / "kms-e2e.toml").read_text() == text
    assert run(["init", "--print", str(repository)]) == 0


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_file_that_a_plain_build_leaves_out_is_no_main_package(repository: Path) -> None:
    write(
        repository,
        {"magefile.go": "//go:build mage\n\npackage main\n", "kms.go": "//go:build ignore\n\npackage main\n"},
    )
    go = config_from_toml(first_config(look(repository), None)).go
    assert go is not None
    assert go.package == "./cmd/kms"


def test_what_another_module_needs_is_not_written_for_the_plugin_s(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "go.work": "go 1.26.0\n\nuse (\n\t./other\n)\n",
            "other/go.mod": "module example.com/other\n\nrequire github.com/ThalesIgnite/crypto11 v1.2.5\n",
            "other/vendor/modules.txt": "",
            "plugin/go.mod": "module example.com/plugin\n",
            "plugin/kms/main.go": MAIN,
        },
    )
    go = config_from_toml(first_config(look(tmp_path), None)).go
    assert go is not None
    assert (go.module, go.package) == ("plugin", "./kms")
    assert (go.cgo, go.vendor, go.workspace) == (False, False, False)


def test_a_module_of_a_workspace_is_built_from_the_workspace_s_vendor_folder(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "go.work": "go 1.26.0\n\nuse .\nuse ./plugin\n",
            "vendor/modules.txt": "## workspace\n",
            "plugin/go.mod": "module example.com/plugin\n\nrequire github.com/ThalesIgnite/crypto11 v1.2.5\n",
            "plugin/main.go": MAIN,
        },
    )
    go = config_from_toml(first_config(look(tmp_path), None)).go
    assert go is not None
    assert (go.cgo, go.vendor, go.workspace) == (True, True, True)


def test_a_major_version_is_not_the_plugin_s_name(repository: Path) -> None:
    (repository / "go.mod").write_text("module example.com/kms-plugin/v2\n\ngo 1.26.0\n")
    assert config_from_toml(first_config(look(repository), None)).name == "kms-plugin"
