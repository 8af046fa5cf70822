"""A hook that cannot be started, fails or hangs gives one clear message, and leaves no process behind."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.core.plugin_spec import PluginSpec
from pipeline.core.result import Outcome
from pipeline.errors import InputError
from pipeline.harness.plugin import Plugin
from pipeline.harness.supervisor import Supervisor
from pipeline.harness.waiting import wait_until
from pipeline.report.evidence import read_report
from tests.doubles.spec import double_spec

pytestmark = pytest.mark.e2e

MakePlugin = Callable[..., Plugin]


def with_hooks(**hooks: tuple[str, ...]) -> PluginSpec:
    spec = double_spec()
    return dataclasses.replace(spec, hooks={**spec.hooks, **hooks})


@pytest.fixture
def make_plugin(tmp_path: Path) -> Iterator[MakePlugin]:
    with Supervisor("hooks", logs=tmp_path / "logs") as supervisor:

        def make(**hooks: tuple[str, ...]) -> Plugin:
            return Plugin(with_hooks(**hooks), supervisor, assets=tmp_path)

        yield make


def message(plugin: Plugin, name: str) -> str:
    with pytest.raises(InputError) as caught:
        plugin.hook(name)
    return str(caught.value)


def test_a_hook_that_fails_shows_its_exit_code_and_what_it_printed(make_plugin: MakePlugin) -> None:
    shown = message(make_plugin(rotate=("sh", "-c", "echo no such key >&2; exit 3")), "rotate")
    assert shown.startswith("hook rotate failed\n")
    assert "exit code 3: no such key" in shown
    assert "kms-e2e.toml, hooks.rotate" in shown


def test_a_hook_that_hangs_is_killed_with_its_children(make_plugin: MakePlugin, tmp_path: Path) -> None:
    plugin = make_plugin(rotate=("sh", "-c", f"sleep 1000 & echo $! > {tmp_path}/child; wait"))
    plugin.hook_timeout_s = 1.0
    shown = message(plugin, "rotate")
    assert shown.startswith("hook rotate hangs\n")
    assert "no end after 1 s" in shown
    status = Path("/proc", (tmp_path / "child").read_text().strip(), "status")
    wait_until("the child's end", lambda: not status.exists() or "(zombie)" in status.read_text(), timeout_s=5)


def test_a_hook_may_leave_something_running(make_plugin: MakePlugin, tmp_path: Path) -> None:
    plugin = make_plugin(restart=("sh", "-c", f"sleep 1000 & echo $! > {tmp_path}/child"))
    plugin.hook("restart")
    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)


def test_a_command_that_does_not_exist_is_said_before_anything_runs(make_plugin: MakePlugin) -> None:
    make_plugin().assert_hooks()
    with pytest.raises(InputError, match="hook rotate cannot be started") as caught:
        make_plugin(rotate=("/absent/rotate-key",)).assert_hooks()
    assert "/absent/rotate-key" in str(caught.value)


def test_the_authors_hook_restarts_a_plugin_that_is_only_watched_over(make_plugin: MakePlugin) -> None:
    plugin = make_plugin(restart=("touch", "{state}/restarted"))
    plugin.start()
    process = plugin.process
    assert plugin.restart().healthz == "ok"
    assert (plugin.state / "restarted").exists()
    assert plugin.process is process
    plugin.restart(kill=True)
    assert plugin.process is not process
    plugin.client.close()


@pytest.mark.parametrize(
    ("command", "outcome", "words"),
    [
        (("sh", "-c", "exit 3"), Outcome.ERROR, "hook backend_calls failed"),
        (("/absent",), Outcome.NOT_RUN, "hook backend_calls cannot be started"),
    ],
    ids=["fails", "absent"],
)
def test_a_run_ends_with_exit_code_2_and_a_report_when_a_hook_is_at_fault(
    command: tuple[str, ...], outcome: Outcome, words: str, tmp_path: Path
) -> None:
    (tmp_path / "plugin.json").write_text(with_hooks(backend_calls=command).to_json())
    argv = [sys.executable, "-m", "pipeline.suite", "--assets", str(tmp_path), "--report", str(tmp_path / "r")]
    done = subprocess.run([*argv, "--id", "A02", "A04"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    report = read_report(tmp_path / "r")
    assert report.exit_code == 2
    assert {result.id: result.outcome for result in report.scenarios}["A04"] is outcome
