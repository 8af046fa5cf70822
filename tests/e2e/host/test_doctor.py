"""The doctor sees what is missing and says the next step."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.host.doctor import Finding, State, examine

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def findings(environment: dict[str, str], *, network: bool = False) -> dict[str, Finding]:
    found = {finding.name: finding for finding in examine(environment, network=network)}
    for finding in found.values():
        assert finding.seen
        assert finding.next_step or finding.state is State.OK
    return found


def test_a_machine_that_can_run(environment: dict[str, str]) -> None:
    found = findings(environment, network=True)
    assert {finding.state for finding in found.values()} <= {State.OK, State.WARNING}
    assert found["module proxy"].state is State.OK


def test_no_network_is_a_warning_since_a_warm_cache_needs_none(environment: dict[str, str]) -> None:
    found = findings(environment | {"GOPROXY": "http://127.0.0.1:9"}, network=True)
    assert found["module proxy"].state is State.WARNING
    assert "refused" in found["module proxy"].seen


def test_a_checksum_database_that_is_off_is_missing(environment: dict[str, str]) -> None:
    assert findings(environment | {"GOSUMDB": "off"})["environment"].state is State.MISSING


def test_a_cache_that_cannot_be_written_is_missing(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file stands in the way")
    assert findings(environment | {"KMS_E2E_CACHE": str(tmp_path / "cache")})["cache"].state is State.MISSING


def test_an_old_python_and_a_missing_git_are_said(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.version_info", (3, 10, 4))
    monkeypatch.setenv("PATH", "/nowhere")
    found = findings(environment)
    assert (found["Python"].state, found["Python"].seen) == (State.MISSING, "3.10.4")
    assert found["git"].state is State.WARNING
    assert "install git" in found["git"].next_step


def test_macos_is_told_what_is_left_out(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    finding = findings(environment)["platform"]
    assert finding.state is State.WARNING
    assert "Dagger" in finding.next_step
    assert "without:" in finding.next_step
    assert "A12" in finding.next_step
