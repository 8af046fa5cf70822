from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.core.result import Artifact, Event, KmsCall, Latency, NotRun, Outcome, Proof, RunReport
from pipeline.report import files
from pipeline.report.evidence import collect
from pipeline.report.html import report_html
from pipeline.report.page import CALLS_WHEN_WRONG
from pipeline.report.write import write_report
from tests.unit.report.sample import START, sample_run, write_sample

VOID = {"meta", "input", "br", "link"}
ATTACK = '</pre></script><script>alert(1)</script><img src=x onerror="alert(1)">\' " onclick=alert(1) {{ 7*7 }}'


class Page(HTMLParser):
    """The page as a browser would take it apart."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.feed(data.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open[-1:] == ["script"] else self.text).append(data)

    def words(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.text))

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag and wanted.items() <= attrs.items()]


def page_of_sample(folder: Path, run: RunReport) -> Page:
    write_sample(folder, run)
    return Page(report_html(folder, run))


def test_a_failed_run_says_what_failed_with_observed_and_wanted(tmp_path: Path) -> None:
    page = page_of_sample(tmp_path, sample_run())
    words = page.words()
    assert "Not conformant" in words
    assert "2 of 14 MUSTs of the plugin's contract did not pass." in words
    assert "17 passed" in words
    assert "kms-e2e run --id C31" in words
    assert "key-1" in words
    assert "key-2" in words
    assert [item["id"] for item in page.all("details", **{"class": "row failed"})] == ["A07", "C31"]
    assert [item["id"] for item in page.all("details", **{"class": "row error"})] == ["B26"]


def test_every_scenario_is_there_once_with_what_the_filter_needs(tmp_path: Path) -> None:
    run = sample_run()
    page = page_of_sample(tmp_path, run)
    rows = [attrs for tag, attrs in page.tags if tag == "details" and "data-outcome" in attrs]
    assert sorted(str(row["id"]) for row in rows) == sorted(item.id for item in run.scenarios)
    assert {row["data-outcome"] for row in rows} == {"passed", "failed", "error", "not-run"}
    assert {row["data-family"] for row in rows} == {"A", "B", "C", "D"}
    assert {row["data-level"] for row in rows} == {"MUST", "SHOULD", "INFO"}


def test_what_nobody_asked_for_stands_aside(tmp_path: Path) -> None:
    write_sample(tmp_path, sample_run())
    text = report_html(tmp_path, sample_run()).decode()
    rest = text[text.index('<details class="rest">') :]
    assert rest.startswith('<details class="rest"><summary>1 not built yet</summary>')
    assert 'id="D41"' in rest
    assert 'id="D46"' not in rest


def test_a_healthy_run_shows_no_failures(tmp_path: Path) -> None:
    page = page_of_sample(tmp_path, sample_run(healthy=True))
    assert "All 14 MUSTs of the plugin's contract passed on Kubernetes v1.37.2." in page.words()
    assert page.all("section", id="wrong") == []
    assert page.all("a", href="#wrong") == []


def test_a_failing_scenarios_calls_are_joined_with_the_plugins_log_by_uid(tmp_path: Path) -> None:
    run = sample_run()
    failed = next(item for item in run.scenarios if item.id == "C31")
    write_sample(tmp_path, run)
    text = report_html(tmp_path, run).decode()
    body = text[text.index('id="C31"') : text.index('id="C32"')]
    own = [
        call
        for call in run.calls
        if call.plane == "rotation" and failed.started_at <= call.at <= failed.started_at + failed.duration_s
    ]
    shown = [call for call in own[-CALLS_WHEN_WRONG:] if call.uid]
    assert len(shown) > 10
    assert all(f"{call.uid}<span>" in body and f"&#34;uid&#34;: &#34;{call.uid}&#34;" in body for call in shown)
    assert f"{CALLS_WHEN_WRONG} of {len(own)}" in body
    assert 'href="calls/rotation.jsonl"' in body
    assert "kube-apiserver log" in body


def test_a_call_without_log_line_says_so(tmp_path: Path) -> None:
    run = sample_run()
    write_sample(tmp_path, run)
    (tmp_path / "logs" / "rotation" / "kms-plugin.log").write_text("")
    assert "no log line holds this uid" in Page(report_html(tmp_path, run)).words()


def test_the_page_loads_nothing(tmp_path: Path) -> None:
    page = page_of_sample(tmp_path, sample_run())
    assert not [attrs for tag, attrs in page.tags if tag in ("link", "img", "iframe", "object") or "src" in attrs]
    assert all(not str(attrs.get("href", "#")).startswith(("http", "//")) for tag, attrs in page.tags if tag == "a")
    style = (Path(__file__).parents[3] / "pipeline/report/templates/style.css").read_text()
    assert "url(" not in style
    assert "@import" not in style


def test_only_the_pages_own_script_may_run(tmp_path: Path) -> None:
    page = page_of_sample(tmp_path, sample_run())
    (script,) = page.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert f"script-src 'sha256-{digest}'" in str(policy["content"])
    assert "default-src 'none'" in str(policy["content"])


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    run = sample_run()
    hostile = replace(
        run.scenarios[0], id=f"A01{ATTACK}", title=ATTACK, reason=ATTACK, family=ATTACK, source="https://x/" + ATTACK,
        known_issue="javascript:alert(1)", outcome=Outcome.FAILED, worker=ATTACK, plane="wire",
        proofs=(Proof(ATTACK, ATTACK, ATTACK, holds=False),), latencies=(Latency(ATTACK, (0.1, 0.2)),),
    )  # fmt: skip
    call = KmsCall(hostile.started_at, "wire", ATTACK, ATTACK, 0.1, uid=ATTACK, fault=ATTACK)
    write_sample(tmp_path, run)
    (tmp_path / "logs" / "wire" / "kms-plugin.log").write_text(f"2026-11-23T09:30:06Z {ATTACK}\x00\x1b\n")
    (tmp_path / "provenance.json").write_text(ATTACK)
    (tmp_path / "logs" / "wire" / "onclick=alert(1) 'x'.log").write_text("")
    run = replace(
        run, scenarios=(hostile, *run.scenarios[1:]), calls=(call, *run.calls), plugin=ATTACK, host=ATTACK,
        events=(*run.events, Event(START + 3, ATTACK, ATTACK, ATTACK)), notes=(ATTACK,), run_id=ATTACK,
        artifacts=(Artifact(ATTACK, ATTACK, ATTACK, ATTACK),),
    )  # fmt: skip
    page = Page(report_html(tmp_path, run))
    assert len(page.scripts) == 1
    assert page.all("img") == []
    assert not [attrs for _, attrs in page.tags if {"onclick", "onerror"} & set(attrs)]
    assert not [attrs for _, attrs in page.tags if str(attrs.get("href", "")).startswith("javascript:")]
    assert page.words().count("alert(1)") > 20
    assert "{{ 7*7 }}" in page.words()


def test_the_same_evidence_gives_the_same_bytes(tmp_path: Path) -> None:
    write_sample(tmp_path, sample_run())
    run = collect(tmp_path)
    write_report(tmp_path, run)
    names = [files.HTML_FILE, files.REPORT_FILE, files.JUNIT_FILE, files.CONFORMANCE_FILE, files.BADGE_FILE]
    first = {name: (tmp_path / name).read_bytes() for name in names}
    write_report(tmp_path, run)
    assert {name: (tmp_path / name).read_bytes() for name in names} == first
    assert str(tmp_path) not in first[files.HTML_FILE].decode()


def test_an_empty_run_has_a_page(tmp_path: Path) -> None:
    run = replace(sample_run(), scenarios=(), planned=(), events=(), calls=(), artifacts=(), finished_at=START)
    write_report(tmp_path, run)
    words = Page((tmp_path / "report.html").read_bytes()).words()
    assert "Incomplete" in words
    assert "no MUST of the plugin's contract" in words
    assert "The run has no scenario at all." in words
    assert "Nothing ran, so there is nothing to draw." in words
    assert "No call passed the proxy in this run." in words


def test_an_interrupted_run_says_so_and_lists_the_missing_musts(tmp_path: Path) -> None:
    write_sample(tmp_path, sample_run(healthy=True), results=5)
    words = Page(report_html(tmp_path, collect(tmp_path))).words()
    assert "The run was interrupted" in words
    assert "5 of 14 MUSTs of the plugin's contract passed; the other 9 were not run" in words
    assert "MUSTs that were not run, and why (9)" in words
    assert NotRun.INTERRUPTED in words


def test_a_torn_file_is_said_on_the_page(tmp_path: Path) -> None:
    write_sample(tmp_path, sample_run())
    with (tmp_path / "results.jsonl").open("a") as handle:
        handle.write('{"id": "A0')
    assert "results.jsonl: the last line is torn" in Page(report_html(tmp_path, collect(tmp_path))).words()


def test_the_timeline_draws_lives_and_deaths(tmp_path: Path) -> None:
    page = page_of_sample(tmp_path, sample_run())
    lives = page.all("rect", **{"class": "fill life"})
    # Seven components, and the plugin of the plane `wire` was killed and started again.
    assert len(lives) == 8
    assert len(page.all("circle", **{"class": "mark bad"})) == 2
    assert any("kube-apiserver died: exit code 1 at +50.200 s" in text for text in page.text)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_single_scenario_of_any_outcome_has_a_page(tmp_path: Path, outcome: Outcome) -> None:
    run = sample_run()
    run = replace(
        run, scenarios=(replace(run.scenarios[0], outcome=outcome, reason="why", duration_s=0.0),), planned=()
    )
    assert f"1 {outcome.value}" in page_of_sample(tmp_path, run).words()


def test_a_large_run_stays_a_small_page(tmp_path: Path) -> None:
    run = sample_run(calls=20_000)
    many = tuple(replace(item, id=f"{item.id}{letter}") for item in run.scenarios for letter in "abcde")
    run = replace(run, scenarios=many, planned=tuple(item.id for item in many))
    write_sample(tmp_path, run)
    data = report_html(tmp_path, run)
    assert len(many) > 100
    assert len(data) < 2_000_000
    Page(data)
