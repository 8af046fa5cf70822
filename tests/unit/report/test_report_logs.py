from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.report.logs import LONGEST_LINE, Log, clean, excerpt, lines_by_uid, read_logs

START = datetime(2026, 11, 23, 9, 30, tzinfo=UTC).timestamp()


def read_one(folder: Path, text: str, *, started_at: float = START, component: str = "kms-plugin") -> Log:
    path = folder / "logs" / "plane" / f"{component}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", errors="surrogateescape"))
    (log,) = read_logs(folder, started_at, started_at + 100)
    return log


@pytest.mark.parametrize(
    "line",
    [
        "I1123 09:30:12.500000    4242 httplog.go:134] text",
        '{"level":"info","ts":"2026-11-23T09:30:12.500Z","msg":"text"}',
        '{"level":"info","ts":1795426212.5,"msg":"text"}',
        "2026-11-23T10:30:12.5+01:00 text",
        "2026-11-23 09:30:12,500 INFO text",
        'time="2026-11-23T09:30:12.5Z" level=info',
    ],
)
def test_the_time_of_a_line_is_read_in_every_format_that_components_use(tmp_path: Path, line: str) -> None:
    assert read_one(tmp_path, line + "\n").times == (START + 12.5,)


@pytest.mark.parametrize("hours", [-9, 1, 5.5])
def test_klog_writes_local_time_and_is_moved_to_the_run(tmp_path: Path, hours: float) -> None:
    local = datetime.fromtimestamp(START + 12 + hours * 3600, UTC).strftime("%m%d %H:%M:%S.%f")
    assert read_one(tmp_path, f"I{local} 1 a.go:1] text\n").times == (START + 12,)


def test_a_line_without_time_has_its_predecessors(tmp_path: Path) -> None:
    log = read_one(tmp_path, "banner\nI1123 09:30:12.000000 1 a.go:1] panic\ngoroutine 1\n\n")
    assert log.times == (START, START + 12, START + 12, START + 12)
    assert log.lines == ("banner", "I1123 09:30:12.000000 1 a.go:1] panic", "goroutine 1", "")


def test_times_never_fall(tmp_path: Path) -> None:
    text = "I1123 09:30:12.000000 1 a.go:1] b\nI1123 09:30:11.000000 1 a.go:1] a\nI1399 09:30:11.000000 1 a.go:1] c\n"
    assert read_one(tmp_path, text).times == (START + 12,) * 3


def test_an_excerpt_is_the_window_and_counts_what_it_leaves_out() -> None:
    log = Log("plane", "etcd", "logs/plane/etcd.log", tuple(map(float, range(10))), tuple(map(str, range(10))))
    assert excerpt(log, 2.0, 7.0, 3).lines == ("5", "6", "7")
    assert excerpt(log, 2.0, 7.0, 3).left_out == 3
    assert excerpt(log, 2.0, 7.0, 99).left_out == 0
    assert excerpt(log, 20.0, 30.0, 3).lines == ()


def test_a_plugins_line_is_found_by_uid_whatever_its_format() -> None:
    uids = {"aaaa-1111", "bbbb2222", "cccc3333"}

    def log(component: str, *lines: str) -> Log:
        return Log("plane", component, "", (0.0,) * len(lines), lines)

    found = lines_by_uid(
        [
            log("kms-plugin", '{"uid":"aaaa-1111"}', "encrypt uid=bbbb2222 ok", "again uid=bbbb2222", "xcccc3333"),
            log("kube-apiserver", "uid=cccc3333"),
            log("etcd", "uid=cccc3333"),
        ],
        uids,
    )
    assert found == {
        ("plane", "aaaa-1111"): '{"uid":"aaaa-1111"}',
        ("plane", "bbbb2222"): "encrypt uid=bbbb2222 ok",
    }


def test_a_line_is_cleaned(tmp_path: Path) -> None:
    assert clean("\x1b[31mred\x1b[0m\x07 \tend") == "red\\x07 \tend"
    assert clean("x" * 5000).startswith("x" * LONGEST_LINE + "… (5000")
    assert read_one(tmp_path, "bad \udcff byte\n").lines == ("bad � byte",)


def test_an_excerpt_prefers_lines_that_speak_of_encryption_or_warn() -> None:
    lines = ("I1124 start", "W1124 slow", "I1124 kms-providers ready", "I1124 quota worker", "I1124 quota worker")
    log = Log("p", "kube-apiserver", "l", (1.0, 2.0, 3.0, 4.0, 5.0), lines)
    assert excerpt(log, 0.0, 9.0, 2).lines == ("W1124 slow", "I1124 kms-providers ready")
    assert excerpt(log, 0.0, 9.0, 3).lines == ("W1124 slow", "I1124 kms-providers ready", "I1124 quota worker")
    assert excerpt(log, 0.0, 9.0, 3).left_out == 2
