"""D41, D43, D44 and D70: a plugin that comes late or goes away, and how kube-apiserver finds back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from pipeline.core.result import Level, Subject
from pipeline.harness.control_plane import ControlPlane, ControlPlaneOptions
from pipeline.harness.proxy import Error, Refuse
from pipeline.suite.failure.seeds import put_with_new_seed
from pipeline.suite.failure.steps import (
    SERVER_ERROR,
    UNHEALTHY_POLL_S,
    UNHEALTHY_POLL_SLACK_S,
    await_ready,
    await_write,
    longest_redial_s,
    prove_live,
    prove_read,
    prove_unready,
    prove_write_refused,
    server_pid,
)
from pipeline.suite.scenario import ProofRecorder, Scenario, Twin, scenario
from pipeline.suite.support import new_namespace, reached, write_secret

_CONFIG: Final = "kubernetes/apiserver encryptionconfig/config.go"
_DEADLINE_S: Final = 150.0
_KMS_TIMEOUT_S: Final = 1.0
# What a call may take beyond a dial: one that had begun, its timeout, the look at /readyz each 3 s.
_CALL_SLACK_S: Final = 8.0
_SOCKET_AWAY_S: Final = 4.0
MakeControlPlane = Callable[[ControlPlaneOptions], ControlPlane]


@scenario(
    Scenario(
        id="D41",
        title="a plugin that starts after kube-apiserver",
        level=Level.MUST,
        source=f"{_CONFIG} primeAndProbeKMSv2: the plugin may start after the API server",
        subject=Subject.KUBE_APISERVER,
        deadline_s=_DEADLINE_S,
        waits=True,
        twin=Twin(breaks="plugin: healthz is not ok when it comes", reason="/readyz/kms-providers answers 200"),
    )
)
def scenario_late_start(make_control_plane: MakeControlPlane, proof: ProofRecorder) -> None:
    """No socket at first: live, unready, writes refused; then ready within the client's back-off, same process."""
    plane = make_control_plane(ControlPlaneOptions(late_plugin=True, kms_timeout_s=_KMS_TIMEOUT_S))
    plane.proxy.faults.set(Refuse())
    away = time.monotonic()
    plane.server.wait_live()
    pid = server_pid(plane)
    namespace = new_namespace(plane, proof)
    prove_unready(plane, proof, "kms-provider")
    prove_write_refused(plane, proof, namespace)
    plane.plugin.start()
    plane.proxy.faults.clear()
    limit_s = longest_redial_s(time.monotonic() - away) + _CALL_SLACK_S
    await_ready(plane, proof, limit_s)
    secret = write_secret(plane, proof, namespace)
    prove_read(plane, proof, secret, "a Secret written after it came")
    proof.that("process id of kube-apiserver", observed=server_pid(plane), wanted=pid)


@scenario(
    Scenario(
        id="D43",
        title="recovery after gRPC errors",
        level=Level.MUST,
        source=f"{_CONFIG} kmsv2PluginHealthzNegativeInterval (10 s)",
        subject=Subject.KUBE_APISERVER,
        deadline_s=_DEADLINE_S,
        waits=True,
        twin=Twin(breaks="proxy: the errors go on", reason="a write succeeds"),
    )
)
def scenario_recovery(make_control_plane: MakeControlPlane, proof: ProofRecorder) -> None:
    """PERMISSION_DENIED from the start of kube-apiserver: no write, same process; a good Status restores writes."""
    plane = make_control_plane(ControlPlaneOptions())
    plane.proxy.faults.set(Error("PERMISSION_DENIED", "fault: the credentials have expired"))
    plane.restart_api_server(ready=False)
    pid = server_pid(plane)
    namespace = new_namespace(plane, proof)
    prove_write_refused(plane, proof, namespace)
    prove_unready(plane, proof, "PermissionDenied")
    plane.proxy.faults.clear()
    healed = time.time()
    await_write(plane, proof, namespace, 2 * UNHEALTHY_POLL_S)
    good_s = plane.proxy.last_good_status_at - healed
    holds = 0 <= good_s <= UNHEALTHY_POLL_S + UNHEALTHY_POLL_SLACK_S
    proof.that("first good Status", observed=f"{good_s:.1f} s", wanted=f"within {UNHEALTHY_POLL_S:g} s", holds=holds)
    await_ready(plane, proof)
    proof.that("process id of kube-apiserver", observed=server_pid(plane), wanted=pid)


@scenario(
    Scenario(
        id="D44",
        title="kube-apiserver restarts while the plugin is down",
        level=Level.MUST,
        source="KEP-3299: kms-providers is in /readyz and not in /livez; without a plugin no seed can be unwrapped",
        subject=Subject.KUBE_APISERVER,
        deadline_s=_DEADLINE_S,
        fast=False,  # a start with unreadable objects waits for its caches for 60 s
        waits=True,
        twin=Twin(breaks="etcd: the Secret is stored plain", reason="GET without the plugin"),
    )
)
def scenario_restart_while_down(make_control_plane: MakeControlPlane, proof: ProofRecorder) -> None:
    """Plugin killed, socket gone, kube-apiserver restarted: codes of livez, readyz, a GET; all back with the plugin."""
    plane = make_control_plane(ControlPlaneOptions(kms_timeout_s=_KMS_TIMEOUT_S))
    secret = write_secret(plane, proof, new_namespace(plane, proof))
    plane.plugin.stop(kill=True)
    plane.proxy.faults.set(Refuse())
    away = time.monotonic()
    plane.restart_api_server(ready=False)
    reply = plane.api.get_secret(secret.namespace, secret.name)
    holds = reply.status == SERVER_ERROR and secret.value.decode() not in reply.text
    proof.that("GET without the plugin", observed=str(reply)[:300], wanted="HTTP 500", holds=holds)
    plain = plane.api.get(f"/api/v1/namespaces/{secret.namespace}")
    proof.that("GET of what is not encrypted", observed=str(plain)[:100], wanted="HTTP 200", holds=plain.ok)
    prove_unready(plane, proof, "kms-provider")
    pid = server_pid(plane)
    plane.plugin.start()
    plane.proxy.faults.clear()
    await_ready(plane, proof, longest_redial_s(time.monotonic() - away) + _CALL_SLACK_S)
    prove_read(plane, proof, secret, "GET with the plugin")
    proof.that("process id of kube-apiserver", observed=server_pid(plane), wanted=pid)


@scenario(
    Scenario(
        id="D70",
        title="recovery after a removed socket",
        level=Level.MUST,
        source="kubernetes/apiserver kmsv2/grpc_service.go: no back-off set, so gRPC's own (1 s x 1.6, at most 120 s)",
        subject=Subject.KUBE_APISERVER,
        deadline_s=_DEADLINE_S,
        waits=True,
        twin=Twin(breaks="proxy: nobody listens on the new socket", reason="GET after the socket is back"),
    )
)
def scenario_removed_socket(make_control_plane: MakeControlPlane, proof: ProofRecorder) -> None:
    """The socket is away for seconds; a GET that needs Decrypt fails meanwhile and succeeds after the next dial."""
    plane = make_control_plane(ControlPlaneOptions(kms_timeout_s=_KMS_TIMEOUT_S))
    namespace = new_namespace(plane, proof)
    known = write_secret(plane, proof, namespace)
    plane.proxy.faults.set(Refuse())
    away = time.monotonic()
    uncached = put_with_new_seed(plane, known, f"{known.name}-uncached")
    while time.monotonic() - away < _SOCKET_AWAY_S:
        reply = plane.api.get_secret(uncached.namespace, uncached.name)
        holds = reply.status == SERVER_ERROR
        proof.that("GET that needs the plugin", observed=str(reply)[:300], wanted="HTTP 500", holds=holds)
        prove_read(plane, proof, known, "GET with a known seed")
    outage_s = time.monotonic() - away
    plane.proxy.faults.clear()
    limit_s = longest_redial_s(outage_s) + _CALL_SLACK_S

    def found() -> str | bool:
        reply = plane.api.get_secret(uncached.namespace, uncached.name)
        return reply.ok or f"not yet: {reply}"

    reached(proof, f"GET after the socket is back from {outage_s:.1f} s", found, timeout_s=limit_s)
    prove_read(plane, proof, uncached, "GET of the new seed's Secret")
    prove_live(plane, proof)
