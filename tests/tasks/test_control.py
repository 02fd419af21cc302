from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from jobs.job import JobState
from jobs.lease import Lease
from tasks.control import Control
from tasks.running import RunningAttempt, RunningAttempts, StopReason
from tests.tasks.desk import WORKER, Desk


class Bench:
    """The control thread of a worker with one running attempt, and a clock of the test's own."""

    def __init__(self, desk: Desk, client: redis.Redis, **changes: Any) -> None:
        self.desk = desk
        self.now = 0.0
        self.readers = 0
        self.stopped = threading.Event()
        self.running = RunningAttempts(lambda _: self.stopped.set())
        job_id = desk.submit(**changes)
        lease = desk.store.claim(job_id, model="m", worker=WORKER, claim_id="c", can_continue=True)
        assert isinstance(lease, Lease)
        self.attempt = RunningAttempt(lease, claimed_at=0.0, clock=lambda: self.now)
        self.running.add(self.attempt)
        self.control = Control(
            desk.store, client, self.running, worker=WORKER, clock=lambda: self.now, on_reader=self._hear
        )

    def _hear(self) -> None:
        self.readers += 1


@pytest.fixture
def bench(make_desk: Any, redis_client: redis.Redis) -> Iterator[Bench]:
    bench = Bench(make_desk(), redis_client)
    yield bench
    bench.control.stop()


def test_a_cancel_reaches_a_running_attempt(bench: Bench) -> None:
    bench.control.start()
    bench.desk.store.cancel("default", bench.attempt.lease.job_id)
    assert bench.stopped.wait(10)
    assert bench.attempt.stop_reason is StopReason.CANCELLED


def test_a_reader_of_tokens_is_noticed(bench: Bench) -> None:
    bench.desk.store.follow("default", bench.attempt.lease.job_id)
    bench.control.look()
    assert bench.attempt.is_streamed
    bench.control.look()
    assert bench.readers == 1


def test_an_attempt_is_stopped_at_its_run_limit_and_not_before(bench: Bench) -> None:
    bench.attempt.begin()
    bench.now = bench.attempt.lease.run_seconds - 1
    bench.control.look()
    assert not bench.stopped.is_set()
    bench.now = bench.attempt.lease.run_seconds
    bench.control.look()
    assert bench.attempt.stop_reason is StopReason.OUT_OF_TIME
    assert bench.attempt.ends_as is JobState.FAILED


def test_the_run_limit_counts_from_the_slot_on(bench: Bench) -> None:
    limit = bench.attempt.lease.run_seconds
    bench.now = 3 * limit
    bench.control.look()
    assert bench.attempt.stop_reason is None
    bench.attempt.begin()
    bench.now += limit - 1
    bench.control.look()
    assert bench.attempt.stop_reason is None
    bench.now += 1
    bench.control.look()
    assert bench.attempt.stop_reason is StopReason.OUT_OF_TIME


def test_a_deadline_comes_whether_or_not_there_was_a_slot(make_desk: Any, redis_client: redis.Redis) -> None:
    bench = Bench(make_desk(), redis_client, deadline_at=time.time() + 60)
    bench.now = 61
    bench.control.look()
    assert bench.attempt.stop_reason is StopReason.OUT_OF_TIME
    assert bench.attempt.ends_as is JobState.EXPIRED


def test_time_limits_hold_while_redis_is_away(make_desk: Any, redis_client: redis.Redis) -> None:
    away = redis.Redis(host="127.0.0.1", port=1)
    bench = Bench(make_desk(), redis_client)
    bench.attempt.begin()
    control = Control(bench.desk.store, away, bench.running, worker=WORKER, clock=lambda: 1e9, on_reader=list)
    with pytest.raises(Exception, match="refused"):
        control.look()
    assert bench.attempt.stop_reason is StopReason.OUT_OF_TIME
