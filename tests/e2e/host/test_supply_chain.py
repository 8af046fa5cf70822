"""Two builds give the same bytes, private modules are checked, a build needs no network and looks into no HOME."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.cli.build import comparison
from pipeline.core.build_plan import PluginSource
from pipeline.errors import BuildError
from pipeline.host.bootstrap import bootstrap_go
from pipeline.host.build import BuildRequest, assets_of, plan, prefetch
from pipeline.host.module_proxy import ModuleProxy
from pipeline.host.progress import PlainProgress, Silent
from pipeline.host.reproduce import rebuild
from tests.e2e.host.helpers import PROGRAM, Build, Source
from tests.e2e.host.modules import use, write_proxy

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SMALL = 'package main\n\nfunc main() { println("the same") }\n'
DIFFERENT = (
    "package main\n\n// static const char *when(void) { return __DATE__ __TIME__; }\n"
    'import "C"\n\nfunc main() { println(C.GoString(C.when())) }\n'
)


def test_a_second_build_elsewhere_gives_the_same_bytes(
    source: Source, environment: dict[str, str], tmp_path: Path
) -> None:
    (source.folder / "main.go").write_text(SMALL)
    request = BuildRequest(source=source.folder, kubernetes=None, output=tmp_path / "assets", environment=environment)
    planned = plan(request, PlainProgress(sys.stdout))
    (compared,) = rebuild(planned, assets_of(planned, request))
    assert compared.same, compared
    assert (compared.name, compared.difference) == ("kms-plugin", "")
    assert not compared.folder.is_relative_to(source.folder)
    assert not compared.folder.exists()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no C compiler")
def test_the_twin_a_time_in_the_binary_is_found_and_shown(
    source: Source, environment: dict[str, str], tmp_path: Path
) -> None:
    (source.folder / "main.go").write_text(DIFFERENT)
    cgo = PluginSource(cgo=True)
    request = BuildRequest(
        source=source.folder, plugin=cgo, kubernetes=None, output=tmp_path / "assets", environment=environment
    )
    planned = plan(request, PlainProgress(sys.stdout))
    (compared,) = rebuild(planned, assets_of(planned, request))
    assert not compared.same
    assert compared.difference.startswith("first at byte ")
    assert "NOT REPRODUCED" in comparison([compared])


def test_a_private_module_comes_from_the_proxy_that_was_named_and_is_checked(
    source: Source, environment: dict[str, str], tmp_path: Path
) -> None:
    use(source.folder, "example.com/private", "a text")
    url = write_proxy(tmp_path / "proxy", "example.com/private", "a text")
    request = BuildRequest(
        source=source.folder,
        kubernetes=None,
        output=tmp_path / "assets",
        environment=environment,
        proxy=ModuleProxy(goproxy=f"{url},{usual_proxies()}"),
    )
    folder = assets_of(plan(request, Silent()), request).folder
    said = subprocess.run([folder / "kms-plugin"], capture_output=True, text=True, check=True).stderr
    assert said.strip() == "a text"


def test_the_twin_an_altered_private_module_is_refused(
    source: Source, environment: dict[str, str], tmp_path: Path
) -> None:
    use(source.folder, "example.com/altered", "as go.sum says")
    url = write_proxy(tmp_path / "proxy", "example.com/altered", "another text")
    proxy = ModuleProxy(goproxy=f"{url},{usual_proxies()}")
    request = BuildRequest(source=source.folder, kubernetes=None, environment=environment, proxy=proxy)
    with pytest.raises(BuildError, match="cannot be trusted") as caught:
        prefetch(request, Silent())
    assert caught.value.seen == "verifying example.com/altered@v1.0.0: checksum mismatch"


def usual_proxies() -> str:
    """Return the module proxies that the Go command uses on this machine."""
    return subprocess.run(
        [bootstrap_go().path, "env", "GOPROXY"], capture_output=True, text=True, check=True
    ).stdout.strip()


def without_network(*words: str | Path) -> list[str]:
    """Return a command that runs in a network namespace of its own, where even loopback is down."""
    return ["unshare", "--net", "--map-root-user", *map(str, words)]


def has_namespaces() -> bool:
    return sys.platform == "linux" and subprocess.run(without_network("true"), check=False).returncode == 0


@pytest.fixture
def offline(source: Source, environment: dict[str, str], tmp_path: Path) -> list[str]:
    """Return the command that builds the source without a network, from what was fetched before."""
    if not has_namespaces():
        pytest.skip("this machine gives no network namespace")
    use(source.folder, "example.com/fetched", "a text")
    return without_network(sys.executable, "-c", PROGRAM, source.folder, tmp_path / "assets")


def run_offline(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[3]
    closed = environment | {"GOPROXY": "off", "PYTHONPATH": str(root)}
    return subprocess.run(command, env=closed, cwd=root, capture_output=True, text=True, check=False)


def test_what_was_prefetched_is_built_without_a_network(
    offline: list[str], source: Source, environment: dict[str, str], tmp_path: Path
) -> None:
    url = write_proxy(tmp_path / "proxy", "example.com/fetched", "a text")
    request = BuildRequest(
        source=source.folder,
        kubernetes=None,
        environment=environment,
        proxy=ModuleProxy(goproxy=f"{url},{usual_proxies()}"),
    )
    (planned,) = prefetch(request, Silent())
    assert not list(planned.builder.paths.assets.iterdir())
    shutil.rmtree(tmp_path / "proxy")
    done = run_offline(offline, environment)
    assert done.returncode == 0, done.stderr
    said = subprocess.run([tmp_path / "assets" / "kms-plugin"], capture_output=True, text=True, check=True).stderr
    assert said.strip() == "a text"


def test_the_twin_without_it_the_error_says_what_to_do(
    offline: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    done = run_offline(offline, environment | {"KMS_E2E_CACHE": str(tmp_path / "empty")})
    assert done.returncode == 1
    assert "kms-e2e prefetch" in done.stderr
    assert "MachineError: getting go1.26.10: no network to the module proxy" in done.stderr


POISON = {
    ".config/go/env": "GOFLAGS=-toolexec=/nonexistent/x\nGOPROXY=off\nGONOSUMDB=*\nGOTOOLCHAIN=go1.20\n",
    ".gitconfig": '[url "https://evil.invalid/"]\n\tinsteadOf = https://\n',
    ".netrc": "machine modules.example.com login a password b\n",
    "go/pkg/mod/cache/download/golang.org/x/@v/list": "v9.9.9\n",
    ".cache/go-build/README": "poison\n",
}
_EVENTS = 0x1 | 0x20 | 0x100 | 0x200 | 0x2  # IN_ACCESS, IN_OPEN, IN_CREATE, IN_DELETE, IN_MODIFY of inotify(7)


@contextmanager
def watched(folder: Path) -> Iterator[list[str]]:
    """Collect the name of everything below a folder that any process opens, reads or makes."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    watches = {libc.inotify_add_watch(handle, os.fsencode(path), _EVENTS): path for path in folders}
    assert -1 not in watches
    seen: list[str] = []
    try:
        yield seen
        while data := _pending(handle):
            while data:
                watch, _mask, _cookie, length = struct.unpack_from("iIII", data)
                name = data[16 : 16 + length].rstrip(b"\0").decode()
                seen.append(str(watches[watch] / name))
                data = data[16 + length :]
    finally:
        os.close(handle)


def _pending(handle: int) -> bytes:
    try:
        return os.read(handle, 1 << 16)
    except BlockingIOError:
        return b""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    for name, text in POISON.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_a_build_touches_nothing_below_the_users_home(build: Build, home: Path) -> None:
    with watched(home) as seen:
        assets = build(HOME=str(home), XDG_CONFIG_HOME=str(home / ".config"))
    assert assets.compiled == ("kms-plugin",)
    assert seen == []


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_the_twin_a_go_command_in_the_users_environment_reads_it(home: Path) -> None:
    with watched(home) as seen:
        subprocess.run(
            [bootstrap_go().path, "env", "GOFLAGS"], env={"HOME": str(home), "PATH": os.defpath}, check=False
        )
    assert str(home / ".config/go/env") in seen
