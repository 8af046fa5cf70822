"""The socket: where, when and for whom it is, and who may take its place."""

from __future__ import annotations

import dataclasses
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.errors import ProcessError
from pipeline.harness.kms import KmsCallError, KmsClient
from pipeline.harness.plugin import Plugin
from pipeline.harness.process import Process
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.wire.steps import replied, round_trip, serving_pid

SETTLED_S: Final = 5.0
_POLL_S: Final = 0.01
_GRPC: Final = "kubernetes/apiserver pkg/storage/value/encrypt/envelope/kmsv2/grpc_service.go"
_SET_UMASK: Final = "import os, sys; os.umask(int(sys.argv[1], 8)); os.execvp(sys.argv[2], sys.argv[2:])"


@scenario(
    Scenario(
        id="A01",
        title="The plugin listens on the Unix socket it was given, within its ready time",
        level=Level.MUST,
        source=f"{_GRPC}: kube-apiserver dials Unix sockets only",
        subject=Subject.PLUGIN,
        twin=Twin("starts, and never opens its socket", r"the socket: saw nothing there"),
        deadline_s=120,
    )
)
def scenario_socket_appears(idle_plugin: Plugin, proof: ProofRecorder) -> None:
    """Start the process, look at the path until something is there, and ask for Status over it."""
    limit_s = idle_plugin.spec.ready_timeout_s
    process = idle_plugin.spawn()
    seen = _first_file(idle_plugin.socket, process, limit_s)
    proof.that("the socket", observed=seen, wanted=f"a socket within {limit_s:g} s", holds=seen == "a socket")
    replied(proof, "Status over the socket", lambda: idle_plugin.client.status(timeout_s=limit_s))


@scenario(
    Scenario(
        id="A01b",
        title="Not everybody may connect to the socket",
        level=Level.SHOULD,
        source="k8s.io/kms pkg/util/util.go: abstract sockets have no access control, unlike files",
        subject=Subject.PLUGIN,
        twin=Twin("leaves the socket open to everybody", r"who may connect: saw everybody"),
    )
)
def scenario_socket_is_closed_to_others(kms_client: KmsClient, proof: ProofRecorder) -> None:
    """Read the socket's mode; an abstract socket has none."""
    address = kms_client.address
    mode = 0o777 if address.abstract else stat.S_IMODE(Path(address.name).stat().st_mode)
    shown = "an abstract socket" if address.abstract else f"mode {mode:04o}"
    seen = f"everybody ({shown})" if mode & 0o002 else f"not everybody ({shown})"
    proof.that("who may connect", observed=seen, wanted="not everybody", holds=not mode & 0o002)


@scenario(
    Scenario(
        id="A01c",
        title="Under umask 000 and 077 the socket is usable, and never open to everybody, not even at first",
        level=Level.SHOULD,
        source="ThalesGroup/k8s-kms-plugin PR 4 and 6: the mode is set only after the plugin listens",
        subject=Subject.PLUGIN,
        twin=Twin("narrows the socket's mode some time after it listens", r"modes under umask 0[07]{2}: saw .*0777"),
        deadline_s=180,
    )
)
def scenario_socket_mode_does_not_depend_on_umask(idle_plugin: Plugin, proof: ProofRecorder) -> None:
    """Start under each umask; read the mode all the time until Status is answered; note every mode seen."""
    argv = idle_plugin.spec.argv
    for umask in ("000", "077"):
        wrapped = (sys.executable, "-I", "-S", "-c", _SET_UMASK, umask, *argv)
        idle_plugin.spec = dataclasses.replace(idle_plugin.spec, argv=wrapped)
        modes = _modes_while_starting(idle_plugin, proof, f"start under umask {umask}")
        seen = ", ".join(f"{mode:04o}" for mode in sorted(modes))
        closed = not any(mode & 0o002 for mode in modes)
        proof.that(f"modes under umask {umask}", observed=seen, wanted="not writable for everybody", holds=closed)
        round_trip(proof, idle_plugin.client, f"round trip under umask {umask}")
        idle_plugin.stop()


@scenario(
    Scenario(
        id="A14b",
        title="A second process on the path does not take the socket of a live plugin",
        level=Level.SHOULD,
        source="FalcoSuessgott/vault-kubernetes-kms PR 135: the socket is replaced on request, whoever listens there",
        subject=Subject.PLUGIN,
        twin=Twin("replaces the socket of a live process", r"process that serves the socket: saw \d+, wanted \d+"),
    )
)
def scenario_live_socket_is_not_taken(kms_plugin: Plugin, proof: ProofRecorder) -> None:
    """Start the same command again; the path leads to the first process until the second ends, or for 5 s."""
    pid = serving_pid(kms_plugin.client.address)
    second = kms_plugin.spawn_copy("second-plugin")
    deadline = time.monotonic() + SETTLED_S
    while second.exit_code is None and time.monotonic() < deadline:
        _assert_server(proof, kms_plugin, pid)
        time.sleep(_POLL_S)
    _assert_server(proof, kms_plugin, pid)
    seen = "still waits" if second.exit_code is None else f"exit code {second.exit_code}"
    ended_well = second.exit_code == 0
    proof.that("the second process", observed=seen, wanted="an error, or it waits", holds=not ended_well)
    proof.that("process that serves the socket", observed=serving_pid(kms_plugin.client.address), wanted=pid)
    round_trip(proof, kms_plugin.client, "round trip with the first process")


@scenario(
    Scenario(
        id="A14c",
        title="A regular file at the socket's path is neither deleted nor replaced",
        level=Level.SHOULD,
        source="FalcoSuessgott/vault-kubernetes-kms PR 135: to replace what has the path must not cost a file",
        subject=Subject.PLUGIN,
        twin=Twin("deletes a regular file at its socket's path", r"the file: saw (a socket|nothing)"),
    )
)
def scenario_regular_file_is_left_alone(idle_plugin: Plugin, proof: ProofRecorder) -> None:
    """Put a file where the socket belongs and start; the file is unchanged when the process ends, or after 5 s."""
    precious = "somebody's data\n"
    idle_plugin.socket.write_text(precious)
    process = idle_plugin.spawn()
    deadline = time.monotonic() + SETTLED_S
    while process.exit_code is None and _shown(idle_plugin.socket) == precious and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    proof.that("the file", observed=_shown(idle_plugin.socket), wanted=precious)


def _first_file(path: Path, process: Process, limit_s: float) -> str:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        kind = _shown(path)
        if kind != "nothing there":
            return kind if kind == "a socket" else "a file that is no socket"
        if process.exit_code is not None:
            return f"nothing there; the process ended with exit code {process.exit_code}: {process.tail(5)}"
        time.sleep(_POLL_S)
    return "nothing there"


def _shown(path: Path) -> str:
    try:
        mode = path.stat().st_mode  # once: a socket may appear between two looks
        return "a socket" if stat.S_ISSOCK(mode) else path.read_text()
    except FileNotFoundError:
        return "nothing there"


def _assert_server(proof: ProofRecorder, plugin: Plugin, pid: int) -> None:
    seen = serving_pid(plugin.client.address)
    if seen != pid:
        proof.that("process that serves the socket", observed=seen, wanted=pid)


def _modes_while_starting(plugin: Plugin, proof: ProofRecorder, what: str) -> set[int]:
    modes: set[int] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            try:
                modes.add(stat.S_IMODE(plugin.socket.stat().st_mode))
            except FileNotFoundError:
                continue

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        plugin.start()
    except (ProcessError, KmsCallError) as error:
        proof.that(what, observed=str(error), wanted="a Status", holds=False)
    finally:
        over.set()
        watcher.join()
    modes.add(stat.S_IMODE(plugin.socket.stat().st_mode))  # on a busy machine the thread may have come too late
    return modes
