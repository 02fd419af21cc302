from __future__ import annotations

from typing import Any

import pytest

from jobs.job import JobState

MODEL = "m"
TAG = {"run": "7"}


def test_jobs_that_match_are_cancelled_or_asked_to_end(bench: Any) -> None:
    running = bench.running(metadata=TAG | {"part": "a"})
    queued = [bench.accept(metadata=TAG) for _ in range(2)]
    others = [bench.accept(metadata={"run": "8"}), bench.accept()]
    answer = bench.store.cancel_matching("default", metadata=TAG)
    assert answer.cancelled == queued[::-1]
    assert answer.requested == [running.job_id]
    assert answer.next_before is None
    assert [bench.state(job_id) for job_id in [*queued, running.job_id, *others]] == [
        "cancelled", "cancelled", "running", "queued", "queued",
    ]  # fmt: skip
    again = bench.store.cancel_matching("default", metadata=TAG)
    assert (again.cancelled, again.requested) == ([], [running.job_id])


def test_every_pair_must_match(bench: Any) -> None:
    bench.accept(metadata=TAG)
    both = bench.accept(metadata=TAG | {"part": "a"})
    assert bench.store.cancel_matching("default", metadata=TAG | {"part": "a"}).cancelled == [both]


@pytest.mark.parametrize(("state", "ended"), [(JobState.QUEUED, "cancelled"), (JobState.RUNNING, "queued")])
def test_one_state_alone_can_be_meant(bench: Any, state: JobState, ended: str) -> None:
    running, queued = bench.running(metadata=TAG), bench.accept(metadata=TAG)
    answer = bench.store.cancel_matching("default", metadata=TAG, state=state)
    assert bench.state(queued) == ended
    assert answer.requested == ([running.job_id] if state is JobState.RUNNING else [])


def test_a_job_that_has_started_in_the_meantime_is_not_cancelled_as_a_queued_one(bench: Any) -> None:
    lease = bench.running(metadata=TAG)
    bench.client.zadd("frontier:t:default:state:queued", {lease.job_id: 1})  # as it was when it was looked for
    answer = bench.store.cancel_matching("default", metadata=TAG, state=JobState.QUEUED)
    assert (answer.cancelled, answer.requested) == ([], [])
    assert bench.store.find("default", lease.job_id).cancel_requested_at is None


def test_a_model_and_a_tenant_set_bounds(bench: Any) -> None:
    job_id = bench.accept(metadata=TAG)
    assert bench.store.cancel_matching("default", metadata=TAG, model="other").cancelled == []
    assert bench.store.cancel_matching("other", metadata=TAG).cancelled == []
    assert bench.store.cancel_matching("default", metadata=TAG, model=MODEL).cancelled == [job_id]


def test_many_jobs_are_cancelled_call_by_call(bench: Any) -> None:
    ids = {bench.accept(metadata=TAG) for _ in range(2300)}
    cancelled: list[str] = []
    before = None
    calls = 0
    while calls == 0 or before is not None:
        answer = bench.store.cancel_matching("default", metadata=TAG, before=before)
        cancelled += answer.cancelled
        before = answer.next_before
        calls += 1
    assert (calls, len(cancelled), set(cancelled)) == (3, 2300, ids)
    assert bench.watched() == set()
