"""The plugin under test as a process, with the hooks of its author."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.core.plugin_spec import PluginSpec, ServiceAction
from pipeline.errors import DeadlineError, InputError, ProcessError
from pipeline.harness.kms import KmsCallError, KmsClient, StatusReply, explain_unimplemented
from pipeline.harness.listening import listening
from pipeline.harness.process import Process, Setting, run_to_end
from pipeline.harness.supervisor import Supervisor
from pipeline.harness.surroundings import Surroundings
from pipeline.harness.waiting import Mortal, wait_until

HOOK_TIMEOUT_S: Final = 30.0
_LINES_SHOWN: Final = 10
_HOOK_PLACE: Final = "kms-e2e.toml, hooks"


class Plugin:
    """One plugin process behind its own socket, and its state folder that outlives a restart."""

    def __init__(
        self,
        spec: PluginSpec,
        supervisor: Supervisor,
        *,
        assets: Path,
        name: str = "kms-plugin",
        first: Plugin | None = None,
    ) -> None:
        """Prepare folders; nothing is started yet. `first` is the instance whose state and services this one shares.

        Raises: InputError for a user, a secret or a file that cannot be used; MachineError for a lack of rights.
        """
        self.spec = spec
        self.name = name
        self._supervisor = supervisor
        self._assets = assets
        shared: Surroundings | None = first.surroundings if first else None
        self.surroundings: Surroundings = Surroundings(spec, supervisor, assets, name, shared)
        self.socket = self.surroundings.socket
        self.state = self.surroundings.state
        self.client = KmsClient(f"unix://{self.socket}")
        self.process: Process | None = None
        self.hook_timeout_s = HOOK_TIMEOUT_S

    @property
    def log_path(self) -> Path:
        """Return the plugin's log file."""
        return self._supervisor.logs / f"{self.name}.log"

    def spawn(self) -> Process:
        """Start the process without waiting for its socket; side services are started, and waited for, before it.

        Raises: ProcessError when the plugin or a side service cannot be started.
        """
        self.surroundings.services.ensure()
        self.process = self.spawn_copy(self.name)
        return self.process

    def spawn_copy(self, name: str) -> Process:
        """Start the same command once more, on the same socket and state, without waiting for anything."""
        return self._supervisor.spawn(name, self.expand(self.spec.argv), setting=self.surroundings.setting())

    def sibling(self, name: str) -> Plugin:
        """Return another instance with a socket of its own on the same state; it is not started yet."""
        return Plugin(self.spec, self._supervisor, assets=self._assets, name=name, first=self)

    def start(self) -> StatusReply:
        """Start the plugin, wait for its first Status and return it.

        Raises: ProcessError when the plugin dies; DeadlineError when it does not answer in its ready time.
        """
        process = self.spawn()
        try:
            return self._first_status([process])
        except ProcessError as error:
            raise explain_start(self, process, error) from error

    def _first_status(self, alive: Sequence[Mortal]) -> StatusReply:
        replies: list[StatusReply] = []
        what = f"first Status of plugin {self.spec.name}"
        try:
            wait_until(
                what, lambda: self._answers(replies), timeout_s=self.spec.ready_timeout_s, poll_s=0.02, alive=alive
            )
        except DeadlineError as error:
            printed = self.process.tail(_LINES_SHOWN) if self.process is not None else ""
            raise DeadlineError(
                error.what,
                seen=f"{error.seen}; its last lines:\n{printed or '(it printed nothing)'}",
                wanted=error.wanted,
                where=str(self.log_path),
                next_step="let it listen on {socket}, or allow more by ready_timeout_s",
            ) from error
        self._supervisor.event(self.name, "ready")
        return replies[-1]

    def stop(self, *, kill: bool = False) -> int | None:
        """Stop (or kill) the process and return its exit code, None when it did not run."""
        if self.process is None:
            return None
        code = self._supervisor.stop(self.process, kill=kill)
        self.process = None
        return code

    def restart(self, *, kill: bool = False) -> StatusReply:
        """Restart the plugin on the same state and socket, and wait for its first Status.

        It is stopped (or killed) and started again, or restarted by the author's hook `restart`, which is for a
        plugin whose command only watches over it. A kill is never the hook's.

        Raises: InputError when the hook fails; otherwise as `start`.
        """
        if kill or not self.has_hook("restart"):
            self.stop(kill=kill)
            return self.start()
        self.hook("restart")
        return self._first_status([self.process] if self.process is not None else [])

    def assert_hooks(self) -> None:
        """Check that the command of each hook can be started, before a scenario is in the middle of something.

        Raises: InputError naming the hook.
        """
        setting = self.surroundings.setting()
        for name, hook in self.spec.hooks.items():
            if isinstance(hook, ServiceAction):
                continue
            command = self.expand(hook)[0]
            if not _can_start(command, setting):
                raise InputError(
                    f"hook {name} cannot be started",
                    seen=f"no such executable: {command}",
                    wanted="a command on PATH, or a path",
                    where=f"{_HOOK_PLACE}.{name}",
                    next_step="correct the command, or leave the hook out: what needs it is then *not run*",
                )

    def has_hook(self, name: str) -> bool:
        """Tell whether the author supplied a hook."""
        return name in self.spec.hooks

    def hook(self, name: str, **values: str) -> str:
        """Run a hook of the author, with further placeholders such as `key_id`, and return its output.

        Raises: InputError when it fails or does not end within `hook_timeout_s` (30 s).
        """
        action = self.spec.hooks[name]
        if isinstance(action, ServiceAction):
            self.surroundings.services.act(action)
            self._supervisor.event(self.name, f"hook {name}")
            return ""
        argv = self.spec.expand(action, **self.surroundings.values, **values)
        shown = shlex.join(argv)
        try:
            done = run_to_end(argv, setting=self.surroundings.setting(), timeout_s=self.hook_timeout_s)
        except subprocess.TimeoutExpired as error:
            raise InputError(
                f"hook {name} hangs",
                seen=f"no end after {self.hook_timeout_s:g} s",
                wanted="an end with exit code 0",
                where=shown,
                next_step=f"run it by hand; what should go on must be put into the background ({_HOOK_PLACE}.{name})",
            ) from error
        if done.returncode != 0:
            printed = (done.stdout + done.stderr)[-2000:].strip()
            raise InputError(
                f"hook {name} failed",
                seen=f"exit code {done.returncode}: {printed or 'it printed nothing'}",
                wanted="exit code 0",
                where=shown,
                next_step=f"run it by hand, and correct it in {_HOOK_PLACE}.{name}",
            )
        self._supervisor.event(self.name, f"hook {name}")
        return done.stdout

    def expand(self, words: tuple[str, ...]) -> list[str]:
        """Return words of the specification with socket, state and assets filled in."""
        return self.surroundings.expand(words)

    def _answers(self, replies: list[StatusReply]) -> str | bool:
        if not self.socket.exists():
            return f"not yet: no socket at {self.socket}"
        try:
            replies.append(self.client.status())
        except KmsCallError as error:
            if error.code == "UNIMPLEMENTED":
                raise explain_unimplemented(self.client) from error
            return f"not yet: {error}"
        return True


def _can_start(command: str, setting: Setting) -> bool:
    if setting.jail and setting.jail.root:
        return not command.startswith("/") or os.path.lexists(setting.jail.outside(command))
    return shutil.which(command, path=(setting.env or {}).get("PATH")) is not None


def explain_start(plugin: Plugin, process: Process, error: ProcessError) -> ProcessError:
    """Return the error of a plugin that did not start, with where it listens instead, or what it may lack."""
    elsewhere = listening(process.pid) if process.exit_code is None else ()
    wanted = f"unix://{plugin.expand(('{socket}',))[0]}"
    if isinstance(error, DeadlineError) and elsewhere and not plugin.socket.exists():
        return DeadlineError(
            f"plugin {plugin.spec.name} listens elsewhere",
            seen=", ".join(elsewhere),
            wanted=wanted,
            where=shlex.join(process.argv),
            next_step="pass {socket} in run.argv of kms-e2e.toml, or run.socket for a name below {run} that the plugin"
            " chooses itself",
        )
    missing = [] if plugin.spec.services else ["describe a service that it needs in [[services]] of kms-e2e.toml"]
    packages = () if process.exit_code is None else plugin.spec.system_packages
    missing += [f"install {' '.join(packages)}"] if packages else []
    steps = [step for step in (error.next_step, *missing) if step]
    return type(error)(error.what, seen=error.seen, wanted=error.wanted, where=error.where, next_step="; ".join(steps))
