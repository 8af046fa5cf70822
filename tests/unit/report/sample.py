"""A run as the suite would leave it, built from a seed: the same folder each time."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pipeline.core.result import (
    Artifact,
    Event,
    KmsCall,
    Latency,
    Level,
    NotRun,
    Outcome,
    Proof,
    RunReport,
    ScenarioResult,
    Subject,
    to_json,
)
from pipeline.report.evidence import begin_report

START: Final = datetime(2026, 11, 23, 9, 30, 0, tzinfo=UTC).timestamp()
SPAN_S: Final = 78.0

# id, title, level, subject, source, plane
_ROWS: Final = (
    ("A01", "The socket appears after start and is not world-writable", "MUST", "plugin", "k8s.io/kms apis/v2", "wire"),
    ("A02", "Status reports version, healthz and a keyID of 1 to 1024 bytes", "MUST", "plugin", "KEP-3299", "wire"),
    ("A03", "Status keeps version and keyID over 50 calls", "MUST", "plugin", "KEP-3299", "wire"),
    ("A04", "Status makes no billable call", "SHOULD", "plugin", "", "wire"),
    (
        "A05",
        "Encrypt gives a ciphertext of 1 to 1024 bytes under the Status keyID",
        "MUST",
        "plugin",
        "KEP-3299",
        "wire",
    ),
    ("A06", "Annotations have qualified names and hold no plaintext", "MUST", "plugin", "kmsv2/envelope.go", "wire"),
    ("A07", "The same plaintext encrypts differently each time", "MUST", "plugin", "KEP-3299", "wire"),
    ("A08", "Decrypt returns what Encrypt was given", "MUST", "plugin", "KEP-3299", "wire"),
    ("A11", "An empty or oversized ciphertext is an error and no panic", "MUST", "plugin", "KEP-3299", "wire"),
    ("A12", "A call past its deadline ends within the deadline", "MUST", "plugin", "kmsv2/grpc_service.go", "wire"),
    ("A13", "100 calls at once neither fail nor mix", "MUST", "plugin", "kmsv2/grpc_service.go", "wire"),
    ("A14", "After SIGKILL the plugin serves again and decrypts old data", "MUST", "plugin", "KEP-3299", "wire"),
    ("B18", "kube-apiserver becomes ready with the plugin", "MUST", "kube-apiserver", "config.go", "shared"),
    ("B19", "A secret survives the round-trip through the API", "MUST", "kube-apiserver", "config.go", "shared"),
    ("B20", "etcd holds the KMS prefix and no plaintext", "MUST", "kube-apiserver", "envelope.go", "shared"),
    (
        "B21",
        "The stored object decodes and opens with the plugin alone",
        "MUST",
        "plugin",
        "kmsv2/v2/api.proto",
        "shared",
    ),
    ("B23", "One DEK seed serves 1,000 writes", "MUST", "kube-apiserver", "config.go", "shared"),
    ("B26", "A no-op update leaves resourceVersion unchanged", "SHOULD", "kube-apiserver", "", "shared"),
    ("C31", "After a rotation new secrets are written under the new keyID", "MUST", "plugin", "KEP-3299", "rotation"),
    ("C32", "The rotation brings a new DEK seed", "MUST", "kube-apiserver", "KEP-3299", "rotation"),
    ("C33", "Old data stays readable and is rewritten once", "MUST", "plugin", "KEP-3299", "rotation"),
    ("D41", "kube-apiserver survives a plugin that starts late", "MUST", "kube-apiserver", "config.go", ""),
    ("D46", "An outage of the backend loses no data", "INFO", "plugin", "", ""),
)
_FAILURES: Final = {
    "A07": ("both ciphertexts are equal: saw 1 distinct ciphertext of 2, wanted 2", Outcome.FAILED),
    "C31": ("the secret written after the rotation names the old keyID: saw key-1, wanted key-2", Outcome.FAILED),
    "B26": (
        "setup: kube-apiserver exited with code 1 before it was ready\n  where:  logs/shared/kube-apiserver.log",
        Outcome.ERROR,
    ),
}
_NOT_RUN: Final = {
    "A04": f"{NotRun.HOOK_MISSING}: break_backend",
    "D41": f"{NotRun.NOT_BUILT}",
    "D46": f"{NotRun.HOOK_MISSING}: break_backend",
}
_METHODS: Final = {"Status": 0.0006, "Encrypt": 0.0021, "Decrypt": 0.0015}
_PLANES: Final = {"wire": (1.2, 30.0), "shared": (2.0, 52.0), "rotation": (5.0, 77.0)}


def sample_run(*, healthy: bool = False, calls: int = 900) -> RunReport:
    """Return a finished run; `healthy` leaves out its failures."""
    chance = random.Random(20261123)
    clocks = {plane: START + first + 4.5 for plane, (first, _) in _PLANES.items()}
    scenarios = tuple(_scenario(row, clocks, chance, healthy=healthy) for row in _ROWS)
    bad = any(scenario.outcome in (Outcome.FAILED, Outcome.ERROR) for scenario in scenarios)
    return replace(
        _header(scenarios),
        finished_at=START + SPAN_S,
        exit_code=int(bad),
        events=tuple(sorted(_events(), key=lambda event: event.at)),
        calls=tuple(sorted(_calls(chance, calls), key=lambda call: call.at)),
    )


def write_sample(folder: Path, run: RunReport, *, results: int | None = None) -> None:
    """Write the raw evidence of `run`; with `results`, only the first so many scenarios came to an end."""
    waiting = tuple(
        replace(blank(item), reason=item.reason if item.outcome is Outcome.NOT_RUN else NotRun.INTERRUPTED)
        for item in run.scenarios
    )
    begin_report(
        folder,
        replace(
            run,
            scenarios=waiting,
            calls=(),
            events=(),
            artifacts=(),
            kubernetes="",
            go_version="",
            go_version_source="",
            finished_at=0.0,
            exit_code=1,
        ),
    )
    ended = [item for item in run.scenarios if item.id in run.planned][:results]
    _lines(folder / "results.jsonl", [to_json(item) for item in ended])
    _lines(folder / "events.jsonl", [to_json(event) for event in run.events])
    for plane in _PLANES:
        _lines(folder / "calls" / f"{plane}.jsonl", [to_json(call) for call in run.calls if call.plane == plane])
        _write_logs(folder / "logs" / plane, run, plane)
        metrics = folder / "metrics" / plane / "kube-apiserver-metrics.txt"
        metrics.parent.mkdir(parents=True)
        metrics.write_text('apiserver_envelope_encryption_key_id_hash_total{key_id_hash="sha256:0a"} 3\n')
    provenance = {
        "kubernetes": run.kubernetes,
        "go_version": run.go_version,
        "go_version_source": run.go_version_source,
        "artifacts": [asdict(item) for item in reversed(run.artifacts)],
    }
    (folder / "provenance.json").write_text(json.dumps(provenance, indent=2))


def blank(item: ScenarioResult) -> ScenarioResult:
    """Return a scenario as it is before it ran."""
    return ScenarioResult(item.id, item.title, item.family, item.level, item.source, item.subject, Outcome.NOT_RUN)


def _header(scenarios: tuple[ScenarioResult, ...]) -> RunReport:
    def digest(seed: str) -> str:
        return random.Random(seed).randbytes(32).hex()

    return RunReport(
        run_id="3f6c0a5e9b7d4e21",
        suite_version="0.1.0",
        started_at=START,
        finished_at=0.0,
        plugin="reference",
        kubernetes="v1.37.2",
        go_version="1.26.10",
        go_version_source=".go-version",
        exit_code=1,
        planned=tuple(item.id for item in scenarios if item.outcome is not Outcome.NOT_RUN),
        scenarios=scenarios,
        artifacts=(
            Artifact("etcd", digest("etcd"), "3.7.0", "go1.26.10"),
            Artifact("kms-plugin", digest("plugin"), "v0.1.0", "go1.26.10"),
            Artifact("kube-apiserver", digest("api"), "v1.37.2", "go1.26.10"),
        ),
        host="Linux 6.12.9 x86_64, Python 3.11.2",
    )


def _scenario(
    row: tuple[str, str, str, str, str, str], clocks: dict[str, float], chance: random.Random, *, healthy: bool
) -> ScenarioResult:
    name, title, level, subject, source, plane = row
    result = ScenarioResult(name, title, name[0], Level(level), source, Subject(subject), Outcome.NOT_RUN)
    if name in _NOT_RUN:
        return replace(result, reason=_NOT_RUN[name])
    reason, outcome = ("", Outcome.PASSED) if healthy else _FAILURES.get(name, ("", Outcome.PASSED))
    began = clocks[plane]
    took = 31.0 if name == "C31" else round(chance.uniform(0.15, 2.4), 3)
    clocks[plane] = began + took + 0.05
    proofs = [Proof("gRPC status", "OK", "OK", holds=True)]
    if outcome is Outcome.FAILED:
        _, _, facts = reason.partition(": saw ")
        seen, _, wanted = facts.partition(", wanted ")
        proofs.append(Proof(reason.partition(":")[0], seen, wanted, holds=False))
    latencies: tuple[Latency, ...] = ()
    if name in ("A05", "A08", "A13", "B23"):
        count = 200 if name == "A13" else 24
        latencies = tuple(
            Latency(method, tuple(round(chance.lognormvariate(0, 0.4) * base, 7) for _ in range(count)))
            for method, base in _METHODS.items()
        )
    return replace(
        result,
        outcome=outcome,
        reason=reason,
        proofs=tuple(proofs),
        latencies=latencies,
        started_at=began,
        duration_s=took,
        plane=plane,
        worker=f"gw{list(_PLANES).index(plane)}",
    )


def _events() -> list[Event]:
    found = []
    for plane, (first, last) in _PLANES.items():
        components = ("kms-plugin",) if plane == "wire" else ("etcd", "kms-plugin", "kube-apiserver")
        for number, component in enumerate(components):
            begin = START + first + 0.4 * number
            found += [Event(begin, plane, component, "started"), Event(begin + 0.6 + number, plane, component, "ready")]
            found.append(Event(START + last + 0.1 * number, plane, component, "stopped"))
    return [
        *found,
        Event(START + 21.0, "wire", "kms-plugin", "killed"),
        Event(START + 21.3, "wire", "kms-plugin", "started"),
        Event(START + 50.2, "shared", "kube-apiserver", "died: exit code 1"),
    ]


def _calls(chance: random.Random, count: int) -> list[KmsCall]:
    calls = []
    for _ in range(count):
        plane = chance.choice(list(_PLANES))
        first, last = _PLANES[plane]
        method = chance.choices(list(_METHODS), (3, 4, 5))[0]
        slow = chance.random() < 0.01
        calls.append(
            KmsCall(
                at=START + first + 2 + (last - first - 3) * chance.betavariate(1.3, 2.2),
                plane=plane,
                method=method,
                code="DEADLINE_EXCEEDED" if slow else "OK",
                duration_s=3.0 if slow else round(chance.lognormvariate(0, 0.45) * _METHODS[method], 7),
                uid="" if method == "Status" else f"{chance.getrandbits(64):016x}",
                key_id="key-1",
                fault="delay 3s" if slow else "",
            )
        )
    return calls


def _write_logs(folder: Path, run: RunReport, plane: str) -> None:
    folder.mkdir(parents=True)
    plugin = [
        json.dumps(
            {
                "time": _iso(call.at),
                "level": "INFO",
                "method": call.method,
                "uid": call.uid,
                "key_id": call.key_id,
                "code": call.code,
                "duration_ms": round(call.duration_s * 1000, 3),
            }
        )
        for call in run.calls
        if call.plane == plane
    ]
    _lines(folder / "kms-plugin.log", plugin)
    if plane == "wire":
        return
    first, last = _PLANES[plane]
    moments = [START + first + 0.25 * number for number in range(int((last - first) * 4))]
    _lines(
        folder / "kube-apiserver.log",
        [
            f'I{_klog(at)}    4242 httplog.go:134] "HTTP" verb="GET" URI="/readyz/kms-providers" resp=200'
            for at in moments
        ],
    )
    _lines(
        folder / "etcd.log",
        [json.dumps({"level": "info", "ts": _iso(at), "msg": "apply request took too long"}) for at in moments[::20]],
    )


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _klog(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%m%d %H:%M:%S.%f")


def _lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
