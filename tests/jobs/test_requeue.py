from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jobs.errors import JobNotFinal, JobNotFound, JobRetired, JobSucceeded, ModelDraining, QueueFull, StorageFull
from jobs.job import AttemptError, JobState, Outcome
from jobs.lease import Lease

MODEL = "m"
DONE = Outcome(state=JobState.SUCCEEDED, text="upon", finish_reason="stop")
FAILED = Outcome(state=JobState.FAILED, error=AttemptError(code="engine_error", message="it broke"))


def give_up(bench: Any, **changes: Any) -> str:
    """A job that has used up its attempts."""
    lease: Lease = bench.running(max_attempts=1, **changes)
    bench.store.finish(lease, FAILED, retry_after_seconds=0)
    return lease.job_id


def requeue(bench: Any, job_id: str, new_id: str = "job_new", **options: Any) -> Any:
    return bench.store.requeue("default", job_id, new_id=new_id, **options)


def dead(bench: Any, tenant: str = "default", **options: Any) -> list[str]:
    return [job.id for job in bench.store.dead_letters(tenant, **options).jobs]


def test_a_requeue_makes_a_new_job_of_the_same_request_and_limits(bench: Any) -> None:
    old_id = give_up(
        bench,
        metadata={"order": "42"},
        deadline_at=time.time() + 1000,
        start_within_seconds=500,
        timeout_seconds=7,
        retention_seconds=70,
        idempotency_key="k",
        fingerprint="f",
    )
    answer = requeue(bench, old_id)
    old, new = (bench.store.find("default", job_id) for job_id in (old_id, answer.job_id))
    assert (answer.job_id, answer.replayed) == ("job_new", False)
    assert (new.state, new.attempt, new.failures) == (JobState.QUEUED, 0, 0)
    for name in ("request", "metadata", "timeout_seconds", "retention_seconds", "max_attempts"):
        assert getattr(new, name) == getattr(old, name)
    assert new.deadline_at - new.created_at == pytest.approx(old.deadline_at - old.created_at)
    assert new.start_by is None
    assert (new.requeued_from, old.requeued_as) == (old.id, new.id)
    assert bench.store.accept(bench.new(idempotency_key="k", fingerprint="f")).job_id == old.id
    assert new.id in bench.watched()


def test_a_requeue_leaves_the_old_job_as_it_ended_and_out_of_the_dead_letters(bench: Any) -> None:
    old_id = give_up(bench)
    before = bench.store.find("default", old_id)
    assert dead(bench) == [old_id]
    requeue(bench, old_id)
    after = bench.store.find("default", old_id)
    assert (after.state, after.error, after.finished_at) == (before.state, before.error, before.finished_at)
    assert after.version == before.version + 1
    assert dead(bench) == []


def test_a_requeued_job_runs_to_its_end_and_may_be_requeued_again(bench: Any) -> None:
    first = give_up(bench)
    second = requeue(bench, first).job_id
    assert bench.store.dispatch(MODEL) == [second]
    bench.store.finish(bench.claim(second), FAILED, retry_after_seconds=0)
    assert bench.state(second) == "failed"
    assert dead(bench) == [second]
    third = requeue(bench, second, "job_third").job_id
    assert bench.store.find("default", third).requeued_from == second


def test_cancelled_and_expired_jobs_may_be_requeued(bench: Any) -> None:
    cancelled, expired = bench.accept(), bench.accept(start_within_seconds=0)
    bench.store.cancel("default", cancelled)
    bench.store.sweep()
    for number, job_id in enumerate((cancelled, expired)):
        assert bench.state(requeue(bench, job_id, f"job_new{number}").job_id) == "queued"


def test_a_repeated_requeue_finds_the_job_that_the_first_has_made(bench: Any) -> None:
    old = give_up(bench)
    first, resent, again = requeue(bench, old), requeue(bench, old), requeue(bench, old, "job_other")
    assert [first.job_id, resent.job_id, again.job_id] == ["job_new"] * 3
    assert [first.replayed, resent.replayed, again.replayed] == [False, False, True]
    assert bench.store.queue(MODEL, "default").waiting == 1


def test_of_many_requeues_at_once_one_makes_the_job(bench: Any) -> None:
    old = give_up(bench)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda number: requeue(bench, old, f"job_new{number}"), range(64)))
    assert sum(not answer.replayed for answer in answers) == 1
    assert len({answer.job_id for answer in answers}) == 1
    assert bench.store.queue(MODEL, "default").waiting == 1


def test_a_requeue_whose_job_was_erased_makes_another(bench: Any) -> None:
    old = give_up(bench)
    first = requeue(bench, old).job_id
    bench.store.cancel("default", first)
    assert requeue(bench, old, "job_other").replayed is True
    bench.store.erase("default", first)
    second = requeue(bench, old, "job_other")
    assert (second.job_id, second.replayed) == ("job_other", False)
    assert bench.store.find("default", old).requeued_as == "job_other"


def test_a_requeue_outlives_the_job_that_it_was_made_of(bench: Any) -> None:
    old = give_up(bench)
    new = requeue(bench, old).job_id
    bench.store.erase("default", old)
    assert bench.store.dispatch(MODEL) == [new]
    assert bench.claim(new).request.prompt == "Once"


def test_what_is_not_final_or_has_its_result_is_not_requeued(bench: Any) -> None:
    waiting, lease = bench.accept(), bench.running()
    for job_id in (waiting, lease.job_id):
        with pytest.raises(JobNotFinal):
            requeue(bench, job_id)
    bench.store.finish(lease, DONE)
    with pytest.raises(JobSucceeded):
        requeue(bench, lease.job_id)
    assert bench.watched() == {waiting}


def test_a_job_that_is_not_there_is_not_requeued(bench: Any) -> None:
    gone = bench.accept(deadline_at=1.0, retention_seconds=0)
    for _ in range(2):
        bench.store.sweep()
    with pytest.raises(JobRetired):
        requeue(bench, gone)
    with pytest.raises(JobNotFound):
        requeue(bench, "job_none")


def test_a_full_queue_refuses_a_requeue_and_answers_a_repeat(bench: Any) -> None:
    done, old = give_up(bench), give_up(bench)
    requeue(bench, done, "job_first", max_waiting=1)
    with pytest.raises(QueueFull) as refusal:
        requeue(bench, old, max_waiting=1)
    assert (refusal.value.model, refusal.value.limit) == (MODEL, 1)
    assert dead(bench) == [old]
    assert bench.store.find("default", old).requeued_as is None
    assert requeue(bench, done, "job_second", max_waiting=1).replayed is True


def test_a_draining_model_refuses_a_requeue_and_answers_a_repeat(bench: Any) -> None:
    done, old = give_up(bench), give_up(bench)
    requeue(bench, done, "job_first")
    bench.store.set_mode(MODEL, "draining")
    with pytest.raises(ModelDraining):
        requeue(bench, old)
    assert dead(bench) == [old]
    assert requeue(bench, done, "job_second").replayed is True


def test_a_nearly_full_store_refuses_a_requeue(bench: Any, make_bench: Callable[..., Any]) -> None:
    old = give_up(bench)
    bench.client.config_set("maxmemory", 1_000_000_000)
    try:
        with pytest.raises(StorageFull):
            requeue(make_bench(memory_ceiling=0.0001), old)
        bench.client.config_set("maxmemory", 1)
        with pytest.raises(StorageFull):
            requeue(make_bench(memory_ceiling=1e12), old)
    finally:
        bench.client.config_set("maxmemory", 0)
    assert dead(bench) == [old]


def test_strict_durability_holds_for_a_requeue(bench: Any, make_bench: Callable[..., Any]) -> None:
    assert requeue(make_bench(durability="strict"), give_up(bench)).job_id == "job_new"


def test_dead_letters_are_paged_newest_death_first(bench: Any) -> None:
    ids = [give_up(bench) for _ in range(5)]
    for number, job_id in enumerate(reversed(ids)):
        bench.client.zadd("frontier:t:default:dead", {job_id: 1000 + number})
    first = bench.store.dead_letters("default", limit=2)
    second = bench.store.dead_letters("default", limit=2, before=first.next_before)
    third = bench.store.dead_letters("default", limit=2, before=second.next_before)
    assert [[job.id for job in page.jobs] for page in (first, second, third)] == [ids[:2], ids[2:4], ids[4:]]
    assert third.next_before is None


def test_dead_letters_of_one_moment_are_paged_without_a_gap(bench: Any) -> None:
    ids = {bench.accept(max_attempts=1) for _ in range(450)}
    bench.client.zadd("frontier:t:default:dead", dict.fromkeys(ids, 1000))
    seen: list[str] = []
    before = None
    while True:
        page = bench.store.dead_letters("default", before=before, limit=100)
        seen += [job.id for job in page.jobs]
        if page.next_before is None:
            break
        before = page.next_before
    assert (len(seen), set(seen)) == (450, ids)


def test_a_requeue_while_pages_are_read_hides_no_other_dead_letter(bench: Any) -> None:
    ids = {give_up(bench) for _ in range(6)}
    first = bench.store.dead_letters("default", limit=3)
    for number, job in enumerate(first.jobs):
        requeue(bench, job.id, f"job_new{number}")
    second = bench.store.dead_letters("default", limit=3, before=first.next_before)
    assert {job.id for job in first.jobs + second.jobs} == ids


def test_dead_letters_are_filtered_by_model_and_kept_from_other_tenants(bench: Any) -> None:
    job_id = give_up(bench)
    assert dead(bench, model=MODEL) == [job_id]
    assert dead(bench, model="other") == []
    assert dead(bench, "other") == []
    with pytest.raises(JobNotFound):
        bench.store.requeue("other", job_id, new_id="job_new")
    assert dead(bench) == [job_id]


def test_a_filter_that_matches_few_dead_letters_is_answered_in_bounded_steps(bench: Any) -> None:
    rare = give_up(bench)
    bench.client.hset(f"frontier:t:default:job:{rare}", "model", "rare")
    usual = bench.accept()
    names = [f"job_x{number:04}" for number in range(5100)]
    with bench.client.pipeline() as pipeline:
        for name in names:
            for key in ("job", "spec"):
                pipeline.copy(f"frontier:t:default:{key}:{usual}", f"frontier:t:default:{key}:{name}")
        pipeline.execute()
    bench.client.zadd("frontier:t:default:dead", dict.fromkeys(names, 10_000_000_000_000))
    first = bench.store.dead_letters("default", model="rare")
    assert (first.jobs, first.next_before is None) == ([], False)
    second = bench.store.dead_letters("default", model="rare", before=first.next_before)
    assert ([job.id for job in second.jobs], second.next_before) == ([rare], None)


def test_retirement_takes_a_dead_letter_with_it(bench: Any) -> None:
    give_up(bench, retention_seconds=0)
    bench.store.sweep()
    assert bench.client.zcard("frontier:t:default:dead") == 0
