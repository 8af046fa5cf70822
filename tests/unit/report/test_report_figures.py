from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.result import KmsCall
from pipeline.errors import MachineError
from pipeline.report.figures import duration, moment, offset, percentile, size, summarise
from pipeline.report.files import write_whole
from pipeline.report.page import _methods
from pipeline.report.plots import CALLS_HEIGHT, MOST_DOTS, call_plot, latency_plot, time_ticks

samples = st.lists(st.floats(0, 1e4), min_size=1, max_size=200)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (2e-7, "0.2 µs"), (8.5e-4, "850 µs"), (0.0042, "4.2 ms"), (0.25, "250 ms"), (3.14, "3.1 s"),
        (42.4, "42 s"), (60, "1 min"), (125.2, "2 min 5 s"), (3600, "60 min"),
    ],
)  # fmt: skip
def test_durations_are_in_the_unit_a_person_would_use(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_moments_offsets_and_sizes() -> None:
    assert moment(0) == "1970-01-01 00:00:00 UTC"
    assert offset(12.5, 10) == "+2.500 s"
    assert offset(8, 10) == "-2.000 s"
    assert [size(count) for count in (12, 2048, 3 << 20)] == ["12 B", "2.0 KiB", "3.0 MiB"]


@given(samples, st.sampled_from([1, 50, 90, 99, 100]))
def test_a_percentile_is_the_nearest_rank(values: list[float], percent: int) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) >= percent / 100 * len(values)
    assert sum(value < found for value in values) < percent / 100 * len(values)


def test_no_samples_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 50)
    assert summarise([3.0, 1.0, 2.0]).p50_s == 2.0


@given(samples)
def test_a_latency_plot_stays_inside_its_box(values: list[float]) -> None:
    plot = latency_plot({"Encrypt": values, "Status": []})
    assert plot is not None
    (strip,) = plot.strips
    assert len(strip.dots) == (len(values) if len(values) <= MOST_DOTS else 0)
    places = [*(dot.x for dot in strip.dots), *(bar.x for bar in strip.bars), strip.p50, strip.p99]
    assert all(0 <= place <= 100 for place in places)
    assert strip.p50 <= strip.p99
    assert all(bar.x + bar.width <= 100.01 for bar in strip.bars)


def test_many_samples_become_a_histogram_that_counts_all() -> None:
    plot = latency_plot({"Decrypt": [0.001 * (1 + number % 17) for number in range(500)]})
    assert plot is not None
    assert sum(int(bar.title.split()[0]) for bar in plot.strips[0].bars) == 500
    assert len(plot.ticks) >= 2


def test_methods_keep_their_order() -> None:
    plot = latency_plot({name: [0.1] for name in ("Zebra", "Decrypt", "Status", "Encrypt")})
    assert plot is not None
    assert [strip.method for strip in plot.strips] == ["Status", "Encrypt", "Decrypt", "Zebra"]


def test_calls_over_time_count_every_call() -> None:
    calls = [
        KmsCall(float(number % 10), "p", "Encrypt", "OK" if number % 4 else "INTERNAL", 0.1) for number in range(100)
    ]
    plot = call_plot(calls, 0.0, 9.0)
    assert plot is not None
    counted: dict[str, int] = {}
    for bar in plot.bars:
        kind, _, count = bar.title.partition(": ")
        counted[kind] = counted.get(kind, 0) + int(count)
        assert 0 <= bar.y <= CALLS_HEIGHT
    assert counted == {"Encrypt": 75, "failed": 25}
    assert plot.most == 10


def test_nothing_to_plot_is_no_plot() -> None:
    assert latency_plot({}) is None
    assert latency_plot({"Status": []}) is None
    assert call_plot([], 0, 1) is None


@given(st.floats(1e-3, 1e7))
def test_time_ticks_are_few_and_start_at_0(length_s: float) -> None:
    ticks = list(time_ticks(length_s))
    assert 1 <= len(ticks) <= 9
    assert ticks[0].x == 0
    assert all(tick.x <= 100 for tick in ticks)


def test_a_file_is_replaced_whole_and_a_failure_names_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.json"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert [item.name for item in path.parent.iterdir()] == ["report.json"]
    with pytest.raises(MachineError, match="could not be written") as caught:
        write_whole(path / "below", b"three")
    assert caught.value.where == str(path / "below")


def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    write_whole(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(MachineError) as caught:
        write_whole(path, b"new")
    assert caught.value.seen == "No space left on device"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_latencies_leave_out_what_a_fault_of_the_proxy_delayed() -> None:
    calls = [
        KmsCall(1.0, "p", "Status", "OK", 0.001),
        KmsCall(2.0, "p", "Status", "DEADLINE_EXCEEDED", 3.0, fault="Delay"),
        KmsCall(3.0, "p", "Encrypt", "UNAVAILABLE", 0.5, fault="Error"),
    ]
    encrypt, status = sorted(_methods(calls), key=lambda view: view.method)
    assert (status.calls, status.summary.count, status.summary.worst_s) == (2, 1, 0.001)
    assert status.codes == (("DEADLINE_EXCEEDED", 1),)
    assert (encrypt.calls, encrypt.summary.worst_s) == (1, 0.5)
