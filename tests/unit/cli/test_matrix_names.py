"""Each plugin of a matrix has a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.errors import InputError


@pytest.mark.parametrize("names", [("acme", "acme"), ("a b", "a-b"), ("a/b", "a b")])
def test_two_names_that_give_one_folder_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    words = ["matrix"]
    for number, name in enumerate(names):
        file = tmp_path / str(number) / "kms-e2e.toml"
        file.parent.mkdir()
        file.write_text(f'name = "{name}"\n[program]\npath = "p"\n[run]\nargv = ["p"]\n')
        words += ["--config", str(file)]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, InputError)
    assert "one folder" in result.exception.what
    assert result.exception.seen == ", ".join(names)
