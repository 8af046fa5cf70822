"""Progress as plain lines: not too many, with how far and how long last time."""

from __future__ import annotations

import io

import pytest

from pipeline.host.progress import PlainProgress, Work, duration
from pipeline.host.progress_bar import terminal_progress


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (41.4, "41 s"),
        (59.6, "1 min 00 s"),
        (422, "7 min 02 s"),
        (3600, "60 min 00 s"),
    ],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_lines_are_limited_by_time_and_say_how_far() -> None:
    stream, now = io.StringIO(), [0.0]
    progress = PlainProgress(stream, interval_s=15.0, clock=lambda: now[0])
    work = Work("etcd with go1.26.10", 1890, 412.0)
    progress.started(work)
    for second in range(1, 32):
        now[0] = float(second)
        progress.advanced(work, second * 10, "k8s.io/api/core/v1")
    progress.finished(work, 422.0)
    assert stream.getvalue().splitlines() == [
        "etcd with go1.26.10 … (last time 6 min 52 s)",
        "etcd with go1.26.10: 150 of at most 1890 packages after 15 s (last time 6 min 52 s): k8s.io/api/core/v1",
        "etcd with go1.26.10: 300 of at most 1890 packages after 30 s (last time 6 min 52 s): k8s.io/api/core/v1",
        "etcd with go1.26.10: done in 7 min 02 s",
    ]


def test_a_stream_that_is_no_terminal_gets_lines() -> None:
    stream = io.StringIO()
    with terminal_progress(stream) as progress:
        progress.note("etcd …")
    assert stream.getvalue() == "etcd …\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_and_keeps_what_has_ended() -> None:
    stream = Terminal()
    work = Work("etcd [with] go1.26.10", 10)
    with terminal_progress(stream) as progress:
        progress.started(work)
        progress.advanced(work, 5, "go.etcd.io/etcd")
        progress.finished(work, 1.0)
        progress.note("from the [cache]")
    assert "etcd [with] go1.26.10: done in 1.0 s" in stream.getvalue()
    assert "from the [cache]" in stream.getvalue()
