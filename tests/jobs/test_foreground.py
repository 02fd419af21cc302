"""Requests that wait for their job: a retry finds the job of a try whose answer was never delivered."""

from __future__ import annotations

from typing import Any

from jobs.job import JobState, Outcome
from jobs.new_job import Foreground

TRY = Foreground(fingerprint="f")
RETRY = Foreground(fingerprint="f", is_retry=True)


def submit(bench: Any, foreground: Foreground, **changes: Any) -> tuple[str, bool]:
    accepted = bench.store.accept(bench.new(foreground=foreground, **changes))
    return accepted.job_id, accepted.replayed


def test_a_retry_finds_the_job_whose_answer_was_not_delivered(bench: Any) -> None:
    job_id, _ = submit(bench, TRY)
    assert submit(bench, RETRY) == (job_id, True)
    assert submit(bench, RETRY) == (job_id, True)
    bench.store.delivered("default", job_id)
    another, replayed = submit(bench, RETRY)
    assert another != job_id
    assert not replayed


def test_a_first_try_makes_a_job_whatever_waits(bench: Any) -> None:
    first, _ = submit(bench, TRY)
    second, replayed = submit(bench, TRY)
    assert first != second
    assert not replayed


def test_another_body_or_another_tenant_finds_nothing(bench: Any) -> None:
    job_id, _ = submit(bench, TRY)
    assert submit(bench, Foreground(fingerprint="g", is_retry=True))[0] != job_id
    assert submit(bench, RETRY, tenant="other")[0] != job_id


def test_of_several_equal_tries_a_retry_finds_first_the_one_known_to_be_lost_and_then_each_in_turn(bench: Any) -> None:
    ids = [submit(bench, TRY)[0] for _ in range(3)]
    bench.store.undelivered("default", ids[1])
    found = [submit(bench, RETRY)[0] for _ in range(3)]
    assert found[0] == ids[1]
    assert set(found) == set(ids)


def test_a_retry_finds_a_final_job_and_no_cancelled_one(bench: Any) -> None:
    lease = bench.running(foreground=TRY)
    bench.store.finish(lease, Outcome(state=JobState.SUCCEEDED, text="", finish_reason="stop"))
    assert submit(bench, RETRY) == (lease.job_id, True)
    bench.store.delivered("default", lease.job_id)
    cancelled, _ = submit(bench, TRY)
    bench.store.cancel("default", cancelled)
    assert submit(bench, RETRY)[0] != cancelled


def test_an_erased_job_is_not_found_and_leaves_nothing(bench: Any) -> None:
    lease = bench.running(foreground=TRY)
    bench.store.finish(lease, Outcome(state=JobState.SUCCEEDED, text="", finish_reason="stop"))
    bench.store.erase("default", lease.job_id)
    assert not bench.client.keys("*:fore:*")
    bench.store.delivered("default", lease.job_id)
    bench.store.undelivered("default", lease.job_id)
    assert not bench.client.keys("*:fore:*")


def test_an_answer_that_was_delivered_is_not_lost_afterwards(bench: Any) -> None:
    job_id, _ = submit(bench, TRY)
    bench.store.delivered("default", job_id)
    bench.store.undelivered("default", job_id)
    assert submit(bench, RETRY)[0] != job_id


def let_pass(bench: Any, seconds: int) -> None:
    """As if all tries so far had been made, or lost, so much earlier."""
    [key] = bench.client.keys("*:fore:*")
    for job_id, heard_of in bench.client.zrange(key, 0, -1, withscores=True):
        sign = -1 if heard_of < 0 else 1
        bench.client.zadd(key, {job_id: sign * (abs(heard_of) - seconds * 1000)})
        job = f"frontier:t:default:job:{job_id.decode()}"
        bench.client.hincrby(job, "created", -seconds * 1000)


def test_after_a_quarter_of_an_hour_a_retry_is_another_request(bench: Any) -> None:
    job_id, _ = submit(bench, TRY)
    let_pass(bench, 900)
    another, _ = submit(bench, RETRY)
    assert another != job_id
    bench.store.undelivered("default", another)
    let_pass(bench, 900)
    assert submit(bench, RETRY)[0] != another


def test_a_client_whose_every_try_takes_ten_minutes_stays_with_its_job(bench: Any) -> None:
    job_id, _ = submit(bench, TRY)
    for _ in range(3):
        let_pass(bench, 600)
        assert submit(bench, RETRY) == (job_id, True)
    let_pass(bench, 600)
    bench.store.undelivered("default", job_id)
    let_pass(bench, 600)
    assert submit(bench, RETRY) == (job_id, True)
