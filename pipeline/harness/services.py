"""The side services of a plugin: processes that it needs, started in order, ready before it, stopped after it."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.core.plugin_spec import Service, ServiceAction, replace_placeholders
from pipeline.errors import KmsE2EError, ProcessError
from pipeline.harness.process import Process, Setting, run_to_end
from pipeline.harness.supervisor import Supervisor
from pipeline.harness.waiting import wait_until

_PROBE_TIMEOUT_S: Final = 5.0


def free_ports(services: Sequence[Service]) -> dict[str, int]:
    """Choose a TCP port on 127.0.0.1 for each service. It is free now; the service listens on it or on none."""
    with contextlib.ExitStack() as stack:
        found = {}
        for service in services:
            held = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            held.bind(("127.0.0.1", 0))
            found[service.name] = int(held.getsockname()[1])
        return found


class Services:
    """The services of one plugin. They are started with its first start and live as long as its control plane."""

    def __init__(
        self,
        services: Sequence[Service],
        supervisor: Supervisor,
        plugin: str,
        values: Mapping[str, str],
        settings: Mapping[str, Setting],
    ) -> None:
        """Start nothing yet. `values` fill placeholders; `settings` are the services' environments by name."""
        self._services = {service.name: service for service in services}
        self._supervisor = supervisor
        self._plugin = plugin
        self._values = values
        self._settings = settings
        self._processes: dict[str, Process] = {}
        self._stopped: set[str] = set()

    @property
    def processes(self) -> list[Process]:
        """Return the running ones."""
        return list(self._processes.values())

    def ensure(self) -> None:
        """Start those that do not run, in order, except those that a hook has stopped.

        Raises: ProcessError when one does not start, dies, or is not ready in its time.
        """
        for name in self._services:
            if name not in self._processes and name not in self._stopped:
                self.start(name)

    def act(self, action: ServiceAction) -> None:
        """Stop, pause or start a service, as a hook asks; one that is paused goes on when it is started.

        Raises: ProcessError as `ensure`.
        """
        if action.pause:
            self._signal(action.pause, signal.SIGSTOP)
            return
        if action.start:
            self._stopped.discard(action.start)
            if action.start in self._processes:
                self._signal(action.start, signal.SIGCONT)
            else:
                self.start(action.start)
            return
        self._stopped.add(action.stop)
        process = self._processes.pop(action.stop, None)
        if process is not None:
            self._supervisor.stop(process)

    def _signal(self, name: str, number: signal.Signals) -> None:
        process = self._processes.get(name)
        if process is not None:
            process.signal(number)

    def start(self, name: str) -> None:
        """Start one service and wait until it is ready.

        Raises: ProcessError when it does not start, dies, or is not ready in its time.
        """
        service = self._services[name]
        argv = self._expand(service.argv)
        try:
            process = self._supervisor.spawn(f"{self._plugin}.{name}", argv, setting=self._settings[name])
            wait_until(
                f"side service {name} is ready",
                lambda: self._is_ready(service),
                timeout_s=service.ready_timeout_s,
                alive=[process],
            )
        except ProcessError as error:
            raise ProcessError(
                f"the plugin's side service {name} does not run: {error.what}",
                seen=error.seen,
                wanted=error.wanted,
                where=error.where or str(self._supervisor.logs / f"{self._plugin}.{name}.log"),
                next_step=f"start it by hand, and correct [[services]] {name} in kms-e2e.toml",
            ) from error
        self._processes[name] = process
        self._supervisor.event(f"{self._plugin}.{name}", "ready")

    def _is_ready(self, service: Service) -> str | bool:
        ready = service.ready
        try:
            if ready.socket:
                _connect(socket.AF_UNIX, self._fill(ready.socket))
            if ready.tcp:
                host, _, port = self._fill(ready.tcp).rpartition(":")
                _connect(socket.AF_INET, (host, int(port)))
            if ready.command:
                done = run_to_end(
                    self._expand(ready.command), setting=self._settings[service.name], timeout_s=_PROBE_TIMEOUT_S
                )
                if done.returncode != 0:
                    return f"not yet: exit code {done.returncode}: {(done.stdout + done.stderr)[-200:]}"
        except (OSError, ValueError, KmsE2EError, subprocess.TimeoutExpired) as error:
            return f"not yet: {error}"
        return True

    def _fill(self, text: str) -> str:
        return replace_placeholders(text, self._values)

    def _expand(self, words: Sequence[str]) -> list[str]:
        return [self._fill(word) for word in words]


def _connect(family: socket.AddressFamily, address: str | tuple[str, int]) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_TIMEOUT_S)
        probe.connect(address)
