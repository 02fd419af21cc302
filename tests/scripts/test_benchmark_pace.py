from __future__ import annotations

from threading import Lock

import psutil
import pytest
from redis import Redis

from scripts.benchmark import jobs_per_second
from scripts.benchmark.jobs_per_second import Way, measure


class Desk:
    """Does a job the moment it is submitted."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.numbers: list[int] = []

    def submit(self, number: int) -> None:
        with self._lock:
            self.numbers.append(number)


def test_a_pace_is_of_the_jobs_after_the_warm_up(redis_client: Redis) -> None:
    desk = Desk()
    way = Way(submit=desk.submit, done=lambda: len(desk.numbers), processes={"worker": psutil.Process()})
    pace = measure(way, redis_client, jobs=30, warm_up=5, threads=3)
    assert (sorted(desk.numbers[:5]), sorted(desk.numbers[5:])) == (list(range(5)), list(range(30)))
    assert pace.jobs == 30
    assert pace.per_second > 0
    assert set(pace.cpu_ms) == {"submitting", "redis", "worker"}


def test_a_submit_that_fails_ends_the_measurement(redis_client: Redis) -> None:
    def refuse(_: int) -> None:
        raise RuntimeError("503")

    way = Way(submit=refuse, done=lambda: 0, processes={})
    with pytest.raises(RuntimeError, match="503"):
        measure(way, redis_client, jobs=4, warm_up=2, threads=2)


def test_jobs_that_do_not_end_are_told(redis_client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_per_second, "PATIENCE_SECONDS", 0.0)
    way = Way(submit=lambda _: None, done=lambda: 1, processes={})
    with pytest.raises(TimeoutError, match="1 of 2 jobs"):
        measure(way, redis_client, jobs=4, warm_up=2, threads=2)
