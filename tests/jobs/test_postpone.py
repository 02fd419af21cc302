from __future__ import annotations

import time
from typing import Any

import pytest

from jobs.answers import Emission
from jobs.job import JobState, Outcome

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
