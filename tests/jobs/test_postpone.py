from __future__ import annotations

import time
from typing import Any

import pytest

from jobs.answers import Emission
from jobs.job import AttemptError, JobState, Outcome

MODEL = "m"
DONE = Outcome(state=JobState.SUCCEEDED, text="upon", finish_reason="stop")


def test_a_postponed_job_waits_uncounted_and_goes_on_where_it_was(bench: Any) -> None:
    lease = bench.running()
    bench.store.emit([Emission(lease, 0, [1, 2], ["a", "b"])])
    before = time.time()
    assert bench.store.postpone(lease, seconds=60) is True
    job = bench.store.find("default", lease.job_id)
    assert (job.state, job.failures, job.lost_leases) == (JobState.QUEUED, 0, 0)
    assert job.not_before == pytest.approx(before + 60, abs=30)
    assert bench.store.dispatch(MODEL) == []
    bench.client.zadd("frontier:watch", {f"default/{lease.job_id}": 1})
    bench.store.sweep()
    assert bench.store.dispatch(MODEL) == [lease.job_id]
    again = bench.claim(lease.job_id)
    assert (again.attempt, again.emitted_ids) == (1, (1, 2))
    assert again.token > lease.token


def test_a_token_that_was_postponed_is_of_no_more_use(bench: Any) -> None:
    lease = bench.running()
    bench.store.postpone(lease, seconds=60)
    assert bench.store.postpone(lease, seconds=60) is False
    assert bench.store.renew([lease]) == [False]
    assert bench.store.finish(lease, DONE) == "fenced"
    assert bench.state(lease.job_id) == "queued"


def test_a_lost_lease_postpones_nothing(bench: Any) -> None:
    lease = bench.running()
    bench.store.rescue_worker("w1")
    bench.join()
    bench.store.dispatch(MODEL)
    bench.claim(lease.job_id)
    assert bench.store.postpone(lease, seconds=60) is False
    assert bench.state(lease.job_id) == "running"


def test_a_postponed_job_whose_cancel_was_asked_for_is_cancelled(bench: Any) -> None:
    lease = bench.running()
    bench.store.cancel("default", lease.job_id)
    assert bench.store.postpone(lease, seconds=60) is True
    assert bench.state(lease.job_id) == "cancelled"
    assert bench.watched() == set()


def test_a_job_postponed_past_its_deadline_expires_then(bench: Any) -> None:
    lease = bench.running(deadline_at=time.time() + 3600)
    bench.store.postpone(lease, seconds=7200)
    job = bench.store.find("default", lease.job_id)
    assert bench.client.zscore("frontier:watch", f"default/{job.id}") == pytest.approx(job.deadline_at * 1000)
    bench.client.hset(f"frontier:t:default:job:{job.id}", "deadline", 1)
    bench.client.zadd("frontier:watch", {f"default/{job.id}": 1})
    bench.store.sweep()
    assert bench.state(job.id) == "expired"


def test_a_job_that_has_only_been_postponed_has_not_started(bench: Any) -> None:
    lease = bench.running()
    claimed = bench.store.find("default", lease.job_id)
    bench.store.postpone(lease, seconds=60)
    job = bench.store.find("default", lease.job_id)
    assert (claimed.attempt, job.attempt) == (1, 0)
    assert claimed.started_at is not None
    assert job.started_at is None


def test_a_postponed_job_expires_unless_it_starts_in_time(bench: Any) -> None:
    lease = bench.running(start_within_seconds=30)
    bench.store.postpone(lease, seconds=60)
    job = bench.store.find("default", lease.job_id)
    assert bench.client.zscore("frontier:watch", f"default/{job.id}") == pytest.approx(job.start_by * 1000)
    bench.client.hset(f"frontier:t:default:job:{job.id}", "start_by", 1)
    bench.client.zadd("frontier:watch", {f"default/{job.id}": 1})
    bench.store.sweep()
    expired = bench.store.find("default", job.id)
    assert (expired.state, expired.error and expired.error.code) == (JobState.EXPIRED, "not_started_in_time")


def test_a_job_that_was_postponed_starts_with_its_next_lease(bench: Any) -> None:
    first = bench.running(max_attempts=1)
    bench.store.postpone(first, seconds=60)
    bench.client.zadd("frontier:watch", {f"default/{first.job_id}": 1})
    bench.store.sweep()
    bench.store.dispatch(MODEL)
    again = bench.claim(first.job_id)
    job = bench.store.find("default", first.job_id)
    assert again.attempt == job.attempt == 1
    assert job.started_at == job.claimed_at is not None
    assert bench.store.finish(again, DONE) == "ok"


def test_what_ran_before_it_was_postponed_stays_started(bench: Any) -> None:
    lease = bench.running(start_within_seconds=30)
    bench.store.emit([Emission(lease, 0, [1], ["a"])])
    bench.store.postpone(lease, seconds=60)
    job = bench.store.find("default", lease.job_id)
    assert job.attempt == 1
    assert job.started_at is not None
    assert bench.client.zscore("frontier:watch", f"default/{job.id}") == pytest.approx(job.not_before * 1000)


def test_of_a_job_that_has_failed_once_the_postponed_attempt_alone_is_not_counted(bench: Any) -> None:
    lease = bench.running()
    failed = Outcome(state=JobState.FAILED, error=AttemptError(code="engine_error", message="it broke"))
    bench.store.finish(lease, failed, retry_after_seconds=60)
    before = bench.store.find("default", lease.job_id)
    bench.client.hset(f"frontier:t:default:job:{lease.job_id}", "started", 1)
    bench.client.zadd("frontier:watch", {f"default/{lease.job_id}": 1})
    bench.store.sweep()
    bench.store.dispatch(MODEL)
    second = bench.claim(lease.job_id)
    bench.store.postpone(second, seconds=60)
    job = bench.store.find("default", lease.job_id)
    assert (before.attempt, second.attempt, job.attempt, job.failures) == (1, 2, 1, 1)
    assert job.started_at is not None
