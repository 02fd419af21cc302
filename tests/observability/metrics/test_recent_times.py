"""Percentiles of the last five minutes, over all processes that share a folder."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from observability.metrics.recent_times import WINDOW_SECONDS, RecentTimes

SHARES = (0.5, 0.95, 0.99)
A_CHILD = """
import sys
from pathlib import Path
from observability.metrics.recent_times import RecentTimes
times = RecentTimes(lambda: 1000.0, Path(sys.argv[1]))
for _ in range(100):
    times.add(400.0)
"""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_without_times_there_are_no_percentiles(clock: Clock) -> None:
    assert all(math.isnan(found) for found in RecentTimes(clock).percentiles(*SHARES))


def test_percentiles_are_true_to_a_bucket(clock: Clock) -> None:
    times = RecentTimes(clock)
    for ms in range(1, 1001):
        times.add(float(ms))

    assert times.percentiles(*SHARES) == pytest.approx([500, 950, 990], rel=0.03)


@pytest.mark.parametrize(("ms", "told"), [(0.0, 0.05), (0.01, 0.05), (10.0**9, 491_000)])
def test_what_is_beyond_the_buckets_counts_in_the_first_or_the_last(clock: Clock, ms: float, told: float) -> None:
    times = RecentTimes(clock)
    times.add(ms)

    assert times.percentiles(0.5) == pytest.approx([told], rel=0.05)


def test_a_time_leaves_after_the_window_and_no_sooner(clock: Clock) -> None:
    times = RecentTimes(clock)
    times.add(400.0)
    clock.now += WINDOW_SECONDS
    times.add(4.0)

    assert times.percentiles(0.99) == pytest.approx([400], rel=0.05)
    clock.now += WINDOW_SECONDS / 10
    assert times.percentiles(0.99) == pytest.approx([4], rel=0.05)
    clock.now += 10 * WINDOW_SECONDS
    assert math.isnan(times.percentiles(0.99)[0])
    times.add(40.0)
    assert times.percentiles(0.99) == pytest.approx([40], rel=0.05)


def test_processes_that_share_a_folder_have_the_same_percentiles(clock: Clock, tmp_path: Path) -> None:
    times = RecentTimes(clock, tmp_path)
    for _ in range(101):
        times.add(4.0)
    assert times.percentiles(*SHARES) == pytest.approx([4, 4, 4], rel=0.05)

    subprocess.run([sys.executable, "-c", A_CHILD, str(tmp_path)], check=True)

    assert times.percentiles(*SHARES) == pytest.approx([4, 400, 400], rel=0.05)
