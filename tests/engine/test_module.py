"""The module on a real engine: its functions, its messages, and when a run is a new one."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

import pytest

from tests.engine.calls import Call, hooked

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(3600)]


def exported(dagger: Call, folder: Path, *words: str) -> dict[str, object]:
    """Export the evidence of family A's first scenario and return report.json."""
    result = dagger("call", *words, "report", "--focus=^A05", "directory", "export", f"--path={folder}")
    assert result.returncode == 0, result.stderr[-2000:]
    document: dict[str, object] = json.loads((folder / "report.json").read_text())
    return document


def test_the_go_version_comes_from_the_file(dagger: Call) -> None:
    result = dagger("call", "go-version")
    assert result.returncode == 0
    assert result.stdout.startswith("go1.26.10, from .go-version")


def test_calls_with_one_run_id_share_a_run_and_another_session_runs_anew(dagger: Call, tmp_path: Path) -> None:
    name = f"--run-id={uuid.uuid4().hex}"
    first = exported(dagger, tmp_path / "first", name)
    again = exported(dagger, tmp_path / "again", name)
    fresh = exported(dagger, tmp_path / "fresh")
    assert first["started_at"] == again["started_at"]
    assert fresh["started_at"] != first["started_at"]
    assert fresh["run_id"] != first["run_id"]


def test_a_red_run_exports_its_evidence_and_fails_with_the_reason(dagger: Call, tmp_path: Path) -> None:
    lying = hooked(tmp_path, '["true"]')  # the hook says that it rotated and did not
    words = ("call", f"--run-id={uuid.uuid4().hex}", f"--config={lying}")
    evidence = dagger(*words, "report", "--focus=^C31", "directory", "export", f"--path={tmp_path / 'report'}")
    verdict = dagger(*words, "kms-e-2-e", "--focus=^C31")
    assert evidence.returncode == 0
    assert "<failure" in (tmp_path / "report" / "junit_kms_01.xml").read_text()
    assert verdict.returncode == 1
    assert "1 of 1 scenarios did not pass" in verdict.stderr
    assert "C31  failed" in verdict.stderr
    assert "Traceback" not in verdict.stderr


def test_a_selection_of_nothing_leaves_what_the_suite_said(dagger: Call, tmp_path: Path) -> None:
    words = ("call", f"--run-id={uuid.uuid4().hex}", "report", "--focus=^nothing$")
    evidence = dagger(*words, "directory", "export", f"--path={tmp_path}")
    verdict = dagger(*words, "verdict")
    assert (evidence.returncode, verdict.returncode) == (0, 1)
    assert json.loads((tmp_path / "suite-failure.json").read_text())["exit_code"] == 2
    assert "no scenario is selected" in verdict.stderr
    assert "Traceback" not in verdict.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--force-host-go=y", "go-version"), "FORCE_HOST_GO cannot be honoured in a container"),
        (("--go-version=1.26.999", "toolchain", "container", "sync"), "asking for Go 1.26.999 failed"),
        (("--go-version=1.26", "go-version"), "a line of Go releases, not a release"),
        (("--kubernetes=1.2", "assets", "sync"), "this Kubernetes version is not supported"),
        (("--components=kubelet", "assets", "sync"), "no such program to build"),
        (("--suite-base=python:no-such-tag", "test-image", "sync"), "python:no-such-tag"),
        (("--source=docs", "--config=kms-e2e.toml", "go-version"), "the plugin's Go module is not in the source"),
        (("--gosumdb=off", "toolchain", "container", "sync"), "the checksum database is switched off"),
    ],
)
def test_wrong_input_is_one_message_without_a_traceback(dagger: Call, words: tuple[str, ...], message: str) -> None:
    result = dagger("call", *words)
    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_source_that_does_not_compile_names_the_place(dagger: Call, tmp_path: Path) -> None:
    (tmp_path / "kms-e2e.toml").write_text('name = "broken"\n[go]\n[run]\nargv = ["{assets}/kms-plugin"]\n')
    (tmp_path / "go.mod").write_text("module example.com/broken\n")
    (tmp_path / "main.go").write_text("package main\n\nfunc main() { missing() }\n")
    without = dagger("call", f"--source={tmp_path}", "go-version")
    assert without.returncode == 1
    assert "nothing says which Go version to build with" in without.stderr
    (tmp_path / ".go-version").write_text("1.26.10\n")
    broken = dagger("call", f"--source={tmp_path}", "plugin", "binary", "sync")
    assert broken.returncode == 1
    assert "main.go:3:15: undefined: missing" in broken.stderr


def test_the_bytes_are_those_of_a_host(dagger: Call, tmp_path: Path) -> None:
    host = os.environ.get("KMS_E2E_ASSETS")
    if not host:
        pytest.skip("KMS_E2E_ASSETS names no folder that `kms-e2e build` made")
    assert dagger("call", "assets", "export", f"--path={tmp_path}").returncode == 0
    here, there = (json.loads((folder / "provenance.json").read_text()) for folder in (Path(host), tmp_path))
    digests = [{item["name"]: item["sha256"] for item in document["artifacts"]} for document in (here, there)]
    assert digests[0]
    assert digests[0].items() <= digests[1].items()  # containers hold kube-controller-manager too


@pytest.mark.parametrize("check", ["audit", "go-version-respected", "artifacts-reproducible"])
def test_the_checks_of_what_was_built_pass(dagger: Call, check: str) -> None:
    assert dagger("call", check).returncode == 0


def test_the_audit_fails_with_the_place_that_drifts(dagger: Call, tmp_path: Path) -> None:
    (tmp_path / ".go-version").write_text("1.26.10\n")
    (tmp_path / "Dockerfile").write_text("FROM golang:1.26.4\n")
    drifted = dagger("call", f"--source={tmp_path}", "audit")
    assert drifted.returncode == 1
    assert "Dockerfile:1:13" in drifted.stderr
    assert "Traceback" not in drifted.stderr
    (tmp_path / "audit.toml").write_text("nonsense = 1\n")
    refused = dagger("call", f"--source={tmp_path}", "audit")
    assert refused.returncode == 1
    assert "audit.toml holds something other than [[allow]] tables" in refused.stderr


def test_every_check_is_listed(dagger: Call) -> None:
    listed = dagger("check", "-l")
    assert listed.returncode == 0
    for name in ("kms-e-2-e", "audit", "go-version-respected", "artifacts-reproducible"):
        assert name in listed.stdout
