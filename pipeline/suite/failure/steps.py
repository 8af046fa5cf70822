"""Steps that scenarios of family D share: what health says, how long a lost socket may take, counted KMS calls."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final

from pipeline.harness.api import Reply
from pipeline.harness.control_plane import ControlPlane
from pipeline.harness.waiting import Mortal
from pipeline.suite.scenario import ProofRecorder, ScenarioFailed
from pipeline.suite.support import CREATED, Secret, alive, reached

HEALTH: Final = "/readyz/kms-providers"
SERVER_ERROR: Final = 500
# A good Status is believed for 20 s by a look at /readyz, one after a failure for 3 s (config.go
# kmsPluginHealthzPositiveTTL, kmsPluginHealthzNegativeTTL). Slack for a loaded machine on top.
NOTICED_TIMEOUT_S: Final = 45.0
RECOVERY_TIMEOUT_S: Final = 30.0
# Poll of an unhealthy provider, 10 s (config.go kmsv2PluginHealthzNegativeInterval). The slack: a poll may be answered
# with an error that a look at /readyz left 3 s ago, and the machine may be loaded.
UNHEALTHY_POLL_S: Final = 10.0
UNHEALTHY_POLL_SLACK_S: Final = 6.0
_OPERATIONS: Final = "apiserver_envelope_encryption_kms_operations_latency_seconds_count"


def prove_unready(plane: ControlPlane, proof: ProofRecorder, words: str) -> Reply:
    """Wait until /readyz/kms-providers fails and says `words`, then prove that /readyz fails and /livez does not."""

    def fails() -> str | bool:
        reply = plane.api.get(HEALTH)
        return (reply.status == SERVER_ERROR and words in reply.text) or f"not yet: {reply}"

    reached(proof, f"{HEALTH} fails and says {words!r}", fails, timeout_s=NOTICED_TIMEOUT_S, alive=_server(plane))
    ready = plane.api.get("/readyz")
    named = ready.status == SERVER_ERROR and "kms-providers" in ready.text
    proof.that("/readyz", observed=str(ready)[-300:], wanted="HTTP 500 naming kms-providers", holds=named)
    prove_live(plane, proof)
    return plane.api.get(HEALTH)


def prove_live(plane: ControlPlane, proof: ProofRecorder) -> None:
    """Prove that /livez answers 200."""
    live = plane.api.get("/livez")
    proof.that("/livez", observed=str(live)[:300], wanted="HTTP 200", holds=live.ok)


def await_ready(plane: ControlPlane, proof: ProofRecorder, timeout_s: float = RECOVERY_TIMEOUT_S) -> None:
    """Wait until /readyz/kms-providers answers 200."""

    def ready() -> str | bool:
        reply = plane.api.get(HEALTH)
        return reply.ok or f"not yet: {reply}"

    reached(proof, f"{HEALTH} answers 200", ready, timeout_s=timeout_s, alive=_server(plane))


def await_write(plane: ControlPlane, proof: ProofRecorder, namespace: str, timeout_s: float) -> None:
    """Wait until a Secret can be created, without a look at /readyz, which would hasten kube-apiserver."""
    attempts = iter(range(10_000))

    def created() -> str | bool:
        reply = plane.api.create_secret(namespace, f"try-{next(attempts)}", {"value": b"after"})
        return reply.status == CREATED or f"not yet: {reply}"

    reached(proof, "a write succeeds", created, timeout_s=timeout_s, alive=_server(plane))


def prove_write_refused(plane: ControlPlane, proof: ProofRecorder, namespace: str) -> None:
    """Prove that a Secret cannot be created, by an answer and not by silence, and that nothing of it is in etcd."""
    refused = Secret(namespace, "refused", b"never stored")
    reply = plane.api.create_secret(namespace, refused.name, {"value": refused.value})
    proof.that("create a Secret", observed=str(reply)[:300], wanted="HTTP 500", holds=reply.status == SERVER_ERROR)
    proof.that("it in etcd", observed=plane.etcd.get(refused.key), wanted=None)


def prove_read(plane: ControlPlane, proof: ProofRecorder, secret: Secret, what: str) -> None:
    """Prove that a Secret is read with its value, from etcd."""
    reply = plane.api.get_secret(secret.namespace, secret.name)
    if not reply.ok:
        proof.that(what, observed=str(reply)[:300], wanted="HTTP 200", holds=False)
    proof.that(what, observed=value_of(reply) == secret.value, wanted=True)


def value_of(reply: Reply) -> bytes:
    """Return the value that `write_secret` stored, as the API shows it.

    Raises: ScenarioFailed when the answer holds no such value.
    """
    data = reply.body.get("data")
    if not isinstance(data, dict) or "value" not in data:
        msg = f"the answer holds no value: {reply}"
        raise ScenarioFailed(msg)
    return base64.b64decode(str(data["value"]))


def operations(plane: ControlPlane, method: str, *, code: str = "", provider: str = "") -> float:
    """Return how many KMS calls kube-apiserver has counted, by gRPC status (`!OK`: all others) and provider."""
    return sum(
        sample.value
        for sample in plane.api.samples(_OPERATIONS)
        if sample.labels["method_name"].endswith(f"/{method}")
        and (not provider or sample.labels["provider_name"] == provider)
        and (
            not code
            or (
                sample.labels["grpc_status_code"] != "OK"
                if code == "!OK"
                else sample.labels["grpc_status_code"] == code
            )
        )
    )


def prove_counted(proof: ProofRecorder, what: str, count: Callable[[], float], before: float) -> None:
    """Prove that a counter of kube-apiserver has risen."""
    proof.that(what, observed=f"{before:g} -> {count():g}", wanted="more than before", holds=count() > before)


def longest_redial_s(outage_s: float) -> float:
    """Return after how long kube-apiserver dials again at the latest when its socket was away for `outage_s` seconds.

    gRPC waits 1 s, 1.6 s, 2.56 s..., each ± 20 %, at most 120 s. At worst all waits of the outage were short and the
    one under way is long. Source: github.com/grpc/grpc, doc/connection-backoff.md; kube-apiserver sets nothing else.
    """
    return 1.2 * min(120.0, 1.0 + 0.75 * outage_s)


def server_pid(plane: ControlPlane) -> int:
    """Return the process id of kube-apiserver.

    Raises: ScenarioFailed when it does not run.
    """
    process = plane.server.process
    if process is None or process.exit_code is not None:
        msg = "kube-apiserver does not run"
        raise ScenarioFailed(msg)
    return process.pid


def _server(plane: ControlPlane) -> list[Mortal]:
    return [process for process in alive(plane) if process is plane.server.process]
