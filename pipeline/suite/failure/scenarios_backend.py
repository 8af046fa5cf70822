"""D46 and D81: what a plugin stands on (a key service, a token) is away or silent, by the author's hooks."""

from __future__ import annotations

from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane
from pipeline.suite.failure.steps import (
    HEALTH,
    NOTICED_TIMEOUT_S,
    SERVER_ERROR,
    await_ready,
    operations,
    prove_live,
    prove_read,
    server_pid,
)
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.support import alive, new_namespace, opened, reached, write_secrets

_WRITES: Final = 5


@scenario(
    Scenario(
        id="D46",
        title="the plugin's backend breaks and heals: the plugin says so, and no data is lost",
        level=Level.SHOULD,
        source="api.proto StatusResponse.healthz: anything but ok is an unhealthy plugin; KEP-3299",
        subject=Subject.PLUGIN,
        hooks=("break_backend", "heal_backend"),
        deadline_s=150,
        waits=True,
        plane="failure",
        twin=Twin(breaks="hook: the backend is not broken", reason="kms-providers reports the bad backend"),
    )
)
def scenario_broken_backend(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """After break_backend health fails (gRPC status or text), known data stays; after heal_backend all is back."""
    _prove_survived(control_plane, proof, "break_backend")


@scenario(
    Scenario(
        id="D81",
        title="the plugin's backend takes connections and answers nothing: the plugin says so, and no data is lost",
        level=Level.SHOULD,
        source="api.proto StatusResponse.healthz; kubernetes/apiserver kmsv2/grpc_service.go: callTimeout",
        subject=Subject.PLUGIN,
        hooks=("hang_backend", "heal_backend"),
        deadline_s=150,
        waits=True,
        plane="failure",
        twin=Twin(breaks="hook: the backend goes on answering", reason="kms-providers reports the bad backend"),
    )
)
def scenario_hanging_backend(control_plane: ControlPlane, proof: ProofRecorder) -> None:
    """After hang_backend health fails (deadline, gRPC status or text), known data stays; heal_backend ends it."""
    _prove_survived(control_plane, proof, "hang_backend")


def _prove_survived(plane: ControlPlane, proof: ProofRecorder, hook: str) -> None:
    """Let a hook make the backend bad, and prove what kube-apiserver says, what goes on, and what comes back."""
    namespace = new_namespace(plane, proof)
    secrets = write_secrets(plane, proof, namespace, _WRITES)
    pid, plugin_pid = server_pid(plane), plane.plugin.process and plane.plugin.process.pid
    errors = operations(plane, "Status", code="!OK")
    plane.plugin.hook(hook)
    try:
        text = _await_broken(plane, proof)
        risen = operations(plane, "Status", code="!OK") - errors
        shown = risen > 0 or "not healthy" in text
        proof.that(
            "how it shows",
            observed=f"{risen:g} Status calls with an error; {text[:300]}",
            wanted="error or text",
            holds=shown,
        )
        secrets += write_secrets(plane, proof, namespace, _WRITES)
        for secret in secrets:
            prove_read(plane, proof, secret, "GET while it is bad")
        prove_live(plane, proof)
    finally:
        plane.plugin.hook("heal_backend")
    await_ready(plane, proof)
    lost = [secret.name for secret in secrets if secret.value not in opened(plane, secret.key)]
    proof.that("Secrets that the healed plugin does not open", observed=lost, wanted=[])
    proof.that("process id of kube-apiserver", observed=server_pid(plane), wanted=pid)
    now = plane.plugin.process and plane.plugin.process.pid
    proof.that("process id of the plugin", observed=now, wanted=plugin_pid)


def _await_broken(plane: ControlPlane, proof: ProofRecorder) -> str:
    said = ""

    def broken() -> str | bool:
        nonlocal said
        reply = plane.api.get(HEALTH)
        said = reply.text
        return reply.status == SERVER_ERROR or f"not yet: {reply}"

    what = "kms-providers reports the bad backend"
    reached(proof, what, broken, timeout_s=NOTICED_TIMEOUT_S, alive=alive(plane))
    return said
