"""What kms-e2e.toml asks for is there when the plugin runs, and a secret never leaves it."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.core.plugin_spec import PluginSpec, Ready, SecretSource, Service, ServiceAction
from pipeline.core.result import Outcome
from pipeline.errors import DeadlineError, InputError, ProcessError
from pipeline.harness.plugin import Plugin
from pipeline.harness.supervisor import Supervisor
from pipeline.host.project import reference_spec
from pipeline.report.evidence import read_report
from tests.doubles.spec import ROOT, double_spec

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CANARY = "canary-5d1f0c-secret"
PIN = "pin with a line\nand-another-98431"
NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="another user needs root")
KEY_SERVER = """
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print("listening", flush=True)
while True:
    server.accept()[0].close()
"""
Make = Callable[[PluginSpec], Plugin]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:

        def prepare(spec: PluginSpec) -> Plugin:
            supervisor = stack.enter_context(Supervisor("configured", logs=tmp_path / "logs"))
            plugin = Plugin(spec, supervisor, assets=tmp_path)
            stack.callback(plugin.client.close)
            return plugin

        yield prepare


def talkative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSpec:
    """Return a plugin that prints its secrets in every form, and whose hook does so too and fails."""
    monkeypatch.setenv("CI_TOKEN", CANARY)
    (tmp_path / "pin").write_text(PIN + "\n")
    spec = double_spec()
    told = 'echo "$TOKEN"; cat {state}/pin; printf %s "$TOKEN" | base64; '
    return dataclasses.replace(
        spec,
        argv=("sh", "-c", told + 'exec "$@"', "sh", *spec.argv),
        secrets={
            "TOKEN": SecretSource(env="CI_TOKEN"),
            "PIN": SecretSource(file=str(tmp_path / "pin"), to_file="{state}/pin"),
        },
        hooks={"rotate": ("sh", "-c", told + "exit 7"), "metrics": ("sh", "-c", told)},
    )


def assert_clean(text: str) -> None:
    for value in (CANARY, *PIN.splitlines(), base64.b64encode(CANARY.encode()).decode()):
        assert value not in text


def test_secrets_reach_the_plugin_and_nothing_else(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = make(talkative(tmp_path, monkeypatch))
    plugin.start()
    pin = plugin.state / "pin"
    assert pin.read_text() == PIN
    assert stat.S_IMODE(pin.stat().st_mode) == 0o600
    assert plugin.process is not None
    assert f"TOKEN={CANARY}".encode() in Path(f"/proc/{plugin.process.pid}/environ").read_bytes()
    assert b"PIN=" not in Path(f"/proc/{plugin.process.pid}/environ").read_bytes()
    with pytest.raises(InputError) as failed:
        plugin.hook("rotate")
    assert "[secret TOKEN]" in str(failed.value)
    assert_clean(str(failed.value))
    assert_clean(plugin.hook("metrics"))
    plugin.stop()
    log = plugin.log_path.read_text()
    assert log.count("[secret TOKEN]") == 2
    assert "[secret PIN]" in log
    assert_clean(log)
    assert_clean(repr(plugin.surroundings.secrets))


def test_a_plugin_that_dies_shows_its_last_lines_without_secrets(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = talkative(tmp_path, monkeypatch)
    plugin = make(dataclasses.replace(spec, argv=("sh", "-c", 'echo "bad token $TOKEN"; exit 9')))
    with pytest.raises(ProcessError) as died:
        plugin.start()
    assert "bad token [secret TOKEN]" in str(died.value)
    assert "[[services]]" in str(died.value)
    assert_clean(str(died.value))


def test_a_secret_that_is_not_there_is_named_before_anything_starts(make: Make, tmp_path: Path) -> None:
    for source, seen in (
        (SecretSource(env="KMS_E2E_ABSENT"), "KMS_E2E_ABSENT is not set"),
        (SecretSource(file=str(tmp_path / "absent")), "FileNotFoundError"),
    ):
        with pytest.raises(InputError) as caught:
            make(dataclasses.replace(double_spec(), secrets={"TOKEN": source}))
        assert (caught.value.what, caught.value.seen) == ("the secret TOKEN is not there", seen)


def test_a_whole_run_writes_no_secret_and_reports_expected_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talking, broken = talkative(tmp_path, monkeypatch), double_spec("deterministic")
    spec = dataclasses.replace(
        talking,
        argv=(*talking.argv[:4], *broken.argv),
        expected=(("A07", "it is a test"), ("A05", "it should not")),
        hooks={**broken.hooks, "metrics": talking.hooks["metrics"]},
    )
    assets, report = tmp_path / "assets", tmp_path / "report"
    assets.mkdir()
    (assets / "plugin.json").write_text(spec.to_json())
    monkeypatch.setenv("JOB_NAME", "pull-kms")
    argv = ("-m", "pipeline.suite", "--assets", str(assets), "--report", str(report), "--id", "A05", "A07", "A16")
    done = subprocess.run([sys.executable, *argv], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    run = read_report(report)
    found = {item.id: item for item in run.scenarios if item.id in run.planned}
    assert (found["A07"].outcome, found["A07"].expected) == (Outcome.FAILED, "it is a test")
    assert found["A05"].outcome is Outcome.PASSED
    assert any(note.startswith("A05 was expected to fail") for note in run.notes)
    assert [(variable.name, variable.value) for variable in run.job if variable.name == "JOB_NAME"]
    assert "expected to fail: it is a test" in (report / "junit_kms_01.xml").read_text()
    shoulds = json.loads((report / "conformance.json").read_text())["shoulds"]
    assert [item["id"] for item in shoulds["failed"]] == ["A07"]
    assert_clean(done.stdout + done.stderr)
    texts = [path.read_text(errors="replace") for path in report.rglob("*") if path.is_file()]
    assert any("[secret TOKEN]" in text for text in texts)
    assert_clean("\n".join(texts))


def test_an_unknown_scenario_that_is_expected_to_fail_is_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "plugin.json").write_text(dataclasses.replace(double_spec(), expected=(("A99", "why"),)).to_json())
    argv = ("-m", "pipeline.suite", "--assets", str(tmp_path), "--report", str(tmp_path / "r"), "--id", "A05")
    done = subprocess.run([sys.executable, *argv], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert "A99" in done.stderr


def test_files_are_written_below_the_private_folders_only(make: Make) -> None:
    plugin = make(dataclasses.replace(double_spec(), files=(("{state}/etc/a.conf", "dir={state}\n"),)))
    path = plugin.state / "etc" / "a.conf"
    assert path.read_text() == f"dir={plugin.state}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for outside in ("/tmp/kms-e2e-outside", "{state}/../../outside"):
        with pytest.raises(InputError, match="outside its private folders"):
            make(dataclasses.replace(double_spec(), files=((outside, ""),)))


def test_a_plugin_that_listens_elsewhere_is_told_where(make: Make) -> None:
    plugin = make(double_spec("listens-elsewhere", ready_timeout_s=3))
    with pytest.raises(DeadlineError) as caught:
        plugin.start()
    assert caught.value.what == "plugin double listens elsewhere"
    assert f"unix://{plugin.socket}.elsewhere" in str(caught.value.seen)
    assert caught.value.wanted == f"unix://{plugin.socket}"


def with_service(*argv: str) -> PluginSpec:
    keys = Service("keys", argv, ready=Ready(socket="{services}/keys.sock"), ready_timeout_s=10)
    front = Service("front", ("sh", "-c", "test -S {services}/keys.sock && exec sleep 100"), after=("keys",))
    hooks = {"break_backend": ServiceAction(stop="keys"), "heal_backend": ServiceAction(start="keys")}
    return dataclasses.replace(double_spec(), services=(keys, front), hooks=hooks)


def test_side_services_start_in_order_and_hooks_stop_and_start_them(make: Make) -> None:
    plugin = make(with_service(sys.executable, "-c", KEY_SERVER, "{services}/keys.sock"))
    plugin.assert_hooks()
    plugin.start()
    services = plugin.surroundings.services
    keys, front = services.processes
    assert (keys.exit_code, front.exit_code) == (None, None)
    assert "listening" in keys.log_path.read_text()
    plugin.hook("break_backend")
    plugin.restart()
    assert keys.exit_code is not None
    assert keys not in services.processes
    (plugin.surroundings.services_folder / "keys.sock").unlink()
    plugin.hook("heal_backend")
    assert len(services.processes) == 2
    assert plugin.sibling("other").surroundings.services is services


def answers(path: Path) -> bool:
    """Tell whether the key server of these tests, which closes what it accepts, answers a connection that it takes."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(0.5)
        client.connect(str(path))
        try:
            return client.recv(1) == b""
        except TimeoutError:
            return False


def test_a_hook_lets_a_side_service_hang_and_go_on(make: Make) -> None:
    spec = with_service(sys.executable, "-c", KEY_SERVER, "{services}/keys.sock")
    plugin = make(dataclasses.replace(spec, hooks={**spec.hooks, "hang_backend": ServiceAction(pause="keys")}))
    plugin.start()
    services, path = plugin.surroundings.services, plugin.surroundings.services_folder / "keys.sock"
    keys = services.processes[0]
    assert answers(path)
    plugin.hook("hang_backend")
    assert not answers(path)
    plugin.hook("heal_backend")
    assert answers(path)
    assert services.processes[0] is keys
    plugin.hook("hang_backend")
    plugin.hook("break_backend")
    assert keys.exit_code == -signal.SIGTERM, "a paused service ends by the signal to stop, not by a kill"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("/no/such/key-server",), "no such file"),
        (("sh", "-c", "echo no licence; exit 3"), "no licence"),
        (("sleep", "100"), "not reached in time"),
    ],
)
def test_a_side_service_that_is_missing_is_named(make: Make, argv: tuple[str, ...], words: str) -> None:
    spec = with_service(*argv)
    services = tuple(dataclasses.replace(service, ready_timeout_s=2.0) for service in spec.services)
    with pytest.raises(ProcessError) as caught:
        make(dataclasses.replace(spec, services=services)).start()
    assert "the plugin's side service keys does not run" in str(caught.value)
    assert words in str(caught.value)
    assert "[[services]] keys" in str(caught.value)


@needs_root
def test_the_plugin_runs_as_another_user(assets: Path, tmp_path: Path) -> None:
    spec = dataclasses.replace(reference_spec(), user=str(NOBODY))
    with Supervisor("user", logs=tmp_path / "logs") as supervisor:
        plugin = Plugin(spec, supervisor, assets=assets.resolve())
        plugin.start()
        key_id = plugin.client.encrypt(b"x" * 32).key_id
        assert plugin.process is not None
        status = Path(f"/proc/{plugin.process.pid}/status").read_text()
        assert f"Uid:\t{NOBODY}\t{NOBODY}" in status
        assert plugin.state.stat().st_uid == NOBODY
        plugin.hook("rotate")
        plugin.restart(kill=True)
        assert plugin.client.status().key_id != key_id
        plugin.client.close()


@needs_root
def test_a_user_that_does_not_exist(make: Make) -> None:
    with pytest.raises(InputError, match="no such user"):
        make(dataclasses.replace(double_spec(), user="no-such-user"))
