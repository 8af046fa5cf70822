"""--goproxy and --gosumdb mean the same for every command that builds, and a wrong value is told before any work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli.assets import ensure_assets
from pipeline.cli.build import build
from pipeline.cli.matrix import matrix
from pipeline.cli.prefetch import prefetch
from pipeline.cli.run import run
from pipeline.cli.up import up
from pipeline.errors import InputError
from pipeline.host.build import Assets, BuildRequest
from pipeline.host.module_proxy import ModuleProxy
from pipeline.host.progress import Progress

URL = "https://modules.example.com"
COMMANDS = pytest.mark.parametrize("command", [build, prefetch, run, up, matrix], ids=lambda command: command.__name__)


def refusal(command: Callable[..., None], *words: str) -> BaseException | None:
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, words).exception


@COMMANDS
def test_a_wrong_proxy_is_refused_before_anything_is_fetched(
    command: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KMS_E2E_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ARTIFACTS", str(tmp_path / "report"))
    error = refusal(command, "--goproxy", "modules.example.com")
    assert isinstance(error, InputError)
    assert (error.what, error.where) == ("not a module proxy", "--goproxy")
    assert not list(tmp_path.iterdir())


@COMMANDS
def test_the_database_cannot_be_switched_off_by_option(command: Callable[..., None]) -> None:
    error = refusal(command, "--gosumdb", "off")
    assert isinstance(error, InputError)
    assert (error.what, error.where) == ("not a checksum database", "--gosumdb")


def test_a_run_hands_the_choice_to_its_build(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ModuleProxy] = []

    def noted(request: BuildRequest, _progress: Progress) -> Assets:
        asked.append(request.proxy)
        return Assets(Path("assets"), ())

    monkeypatch.setattr("pipeline.cli.assets.build_assets", noted)
    assert ensure_assets(None, proxy=ModuleProxy(URL)) == Path("assets")
    assert asked == [ModuleProxy(URL)]


@pytest.mark.parametrize(
    ("proxy", "option"), [(ModuleProxy(URL), "--goproxy"), (ModuleProxy(gosumdb="sum.golang.org"), "--gosumdb")]
)
def test_beside_finished_binaries_it_has_no_use(proxy: ModuleProxy, option: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"--assets builds nothing, so {option} has no use"):
        ensure_assets(tmp_path, proxy=proxy)
    assert ensure_assets(tmp_path, proxy=ModuleProxy()) == tmp_path
