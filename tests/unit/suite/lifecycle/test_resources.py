from __future__ import annotations

import errno
import os
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest

from pipeline.suite.lifecycle import resources
from pipeline.suite.lifecycle.resources import Sample, Sampler, median_of, sample, slope_per_minute


def line(*sizes: int) -> list[Sample]:
    return [Sample(30.0 * at, "p", 1, 1, 1, size) for at, size in enumerate(sizes)]


def test_the_slope_is_bytes_a_minute() -> None:
    assert slope_per_minute(line(100, 150, 200)) == pytest.approx(100)
    assert slope_per_minute(line(100, 100, 100)) == 0


def test_one_sample_has_no_slope() -> None:
    with pytest.raises(ValueError, match="two samples"):
        slope_per_minute(line(1))


def test_one_outlier_does_not_move_the_median() -> None:
    assert median_of(line(5, 5, 900, 5), "rss_bytes") == 5


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
def test_a_new_descriptor_is_seen() -> None:
    before = sample(os.getpid())
    with Path(os.devnull).open():
        after = sample(os.getpid())
    assert after.descriptors == before.descriptors + 1
    assert after.sockets == before.sockets
    assert after.rss_bytes > 0


@pytest.mark.parametrize(
    ("error", "raised"), [(OSError(errno.ENOSPC, "no space left"), True), (ProcessLookupError("it has ended"), False)]
)
def test_a_sampler_hides_the_end_of_a_process_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, raised: bool
) -> None:
    sampled, samples = threading.Event(), iter([line(1)[0]])

    def sampling(*_: object) -> Sample:
        if one := next(samples, None):
            return one
        sampled.set()
        raise error

    monkeypatch.setattr(resources, "sample", sampling)
    with pytest.raises(OSError, match="no space left") if raised else nullcontext(), Sampler({"p": 1}, tmp_path, 0.001):
        assert sampled.wait(60)
