from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from redis import Redis

from jobs.answers import Emission, Emitted, Signals, Skipped, Wait
from jobs.errors import (
    IdempotencyMismatch,
    JobNotFinal,
    JobNotFound,
    JobRetired,
    QueueFull,
    StorageFull,
    StoreUnavailable,
)
from jobs.job import AttemptError, JobState, Outcome, Usage
from jobs.lease import Lease
from jobs.request import InferenceRequest, Message, RequestType
from jobs.settings import StoreSettings
from jobs.token_run import TokenRun
from tests.jobs.conftest import Bench
from tests.redis_process import RedisProcess

MODEL = "m"
DONE = Outcome(state=JobState.SUCCEEDED, text="upon", finish_reason="stop", usage=Usage(completion_tokens=2))
FAILED = Outcome(state=JobState.FAILED, error=AttemptError(code="engine_error", message="it broke"))


def test_an_accepted_job_is_queued_watched_and_readable(bench: Any) -> None:
    request = InferenceRequest(model=MODEL, type=RequestType.CHAT_COMPLETION, messages=(Message("user", "Hé\0"),))
    job_id = bench.accept(request=request, metadata={"order": "42"})
    job = bench.store.find("default", job_id)
    assert (job.state, job.request, job.metadata) == (JobState.QUEUED, request, {"order": "42"})
    assert job.deadline_at == pytest.approx(job.created_at + 86_400)
    assert bench.watched() == {job_id}


def test_another_tenant_does_not_see_a_job(bench: Any) -> None:
    job_id = bench.accept()
    for call in (bench.store.find, bench.store.cancel, bench.store.erase):
        with pytest.raises(JobNotFound):
            call("other", job_id)
    assert bench.store.list("other").jobs == []


def test_an_idempotency_key_makes_one_job_for_one_body(bench: Any) -> None:
    first = bench.store.accept(bench.new(idempotency_key="k", fingerprint="a"))
    again = bench.store.accept(bench.new(idempotency_key="k", fingerprint="a"))
    assert (again.job_id, again.replayed) == (first.job_id, True)
    with pytest.raises(IdempotencyMismatch):
        bench.store.accept(bench.new(idempotency_key="k", fingerprint="b"))
    assert bench.store.accept(bench.new(tenant="other", idempotency_key="k", fingerprint="b")).replayed is False
    assert len(bench.watched()) == 2


def test_of_many_identical_submits_at_once_one_makes_the_job(bench: Any) -> None:
    news = [bench.new(idempotency_key="k", fingerprint="a") for _ in range(64)]
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(bench.store.accept, news))
    assert sum(not answer.replayed for answer in answers) == 1
    assert len({answer.job_id for answer in answers}) == 1


def test_a_repeated_accept_of_the_same_job_changes_nothing(bench: Any) -> None:
    new = bench.new(idempotency_key="k", fingerprint="a")
    assert bench.store.accept(new) == bench.store.accept(new)
    assert bench.store.queue(MODEL, "default").waiting == 1


def test_a_full_queue_refuses_with_its_limit(bench: Any) -> None:
    bench.store.accept(bench.new(), max_waiting=1)
    with pytest.raises(QueueFull) as refusal:
        bench.store.accept(bench.new(), max_waiting=1)
    assert refusal.value.limit == 1


def test_the_window_holds_slots_and_margin_and_keeps_accept_order(bench: Any) -> None:
    ids = [bench.accept() for _ in range(10)]
    assert bench.store.dispatch(MODEL) == []
    bench.join(slots=4)
    assert bench.store.dispatch(MODEL) == ids[:6]
    assert bench.store.dispatch(MODEL) == []
    bench.claim(ids[0])
    assert bench.store.dispatch(MODEL) == []
    status = bench.store.queue(MODEL, "default")
    assert (status.waiting, status.dispatched, status.running, status.slots) == (4, 5, 1, 4)


def test_a_worker_whose_slots_are_taken_passes_a_job_on_to_one_that_has_some_once(bench: Any) -> None:
    bench.join(slots=1)
    bench.join("w2", slots=2)
    first, second, third = (bench.accept() for _ in range(3))
    assert bench.store.dispatch(MODEL) == [first, second, third]
    bench.claim(first)
    assert bench.try_claim(second) == Skipped("another worker has room")
    assert bench.store.dispatch(MODEL) == [second]
    bench.claim(second)
    bench.claim(third, "w2")


def test_a_worker_keeps_a_job_beyond_its_slots_where_nobody_has_room(bench: Any) -> None:
    bench.join(slots=1)
    bench.join("w2", slots=1)
    jobs = [bench.accept() for _ in range(3)]
    assert bench.store.dispatch(MODEL) == jobs
    bench.claim(jobs[0])
    bench.claim(jobs[1], "w2")
    bench.claim(jobs[2])


def test_a_submit_says_whether_the_window_has_room_for_a_job(bench: Any) -> None:
    assert not bench.store.accept(bench.new()).can_start
    bench.join(slots=4)
    assert bench.store.accept(bench.new()).can_start
    assert len(bench.store.dispatch(MODEL)) == 2
    while bench.store.dispatch(MODEL):
        pass
    rest = [bench.store.accept(bench.new()) for _ in range(4)]
    bench.store.dispatch(MODEL)
    assert all(one.can_start for one in rest)
    full = bench.new()
    assert not bench.store.accept(full).can_start
    assert not bench.store.accept(full).can_start


def test_only_one_of_many_claims_gets_the_lease(bench: Any) -> None:
    job_id = bench.accept()
    bench.join()
    bench.store.dispatch(MODEL)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: bench.try_claim(job_id), range(64)))
    assert [answer.attempt for answer in answers if isinstance(answer, Lease)] == [1]
    assert all(isinstance(answer, Lease | Skipped) for answer in answers)


def test_a_claim_whose_answer_was_lost_can_be_repeated(bench: Any) -> None:
    job_id = bench.accept()
    bench.join()
    bench.store.dispatch(MODEL)
    first, again = bench.claim(job_id, claim_id="same"), bench.claim(job_id, claim_id="same")
    told = replace(again, run_seconds=first.run_seconds, deadline_seconds=first.deadline_seconds)
    assert replace(told, goes_first=first.goes_first) == first
    assert isinstance(bench.try_claim(job_id, claim_id="other"), Skipped)


def test_a_job_that_is_not_in_the_window_is_not_claimed(bench: Any) -> None:
    job_id = bench.accept()
    bench.join()
    assert isinstance(bench.try_claim(job_id), Skipped)
    assert bench.state(job_id) == "queued"


def test_finish_is_recorded_once_and_repeats_say_so(bench: Any) -> None:
    lease = bench.running()
    assert bench.store.finish(lease, DONE, tokens=TokenRun(ids=[5, 6], pieces=["up", "on"])) == "ok"
    assert bench.store.finish(lease, FAILED) == "already"
    job = bench.store.find("default", lease.job_id)
    assert (job.state, job.text, job.finish_reason, job.attempt) == (JobState.SUCCEEDED, "upon", "stop", 1)
    assert bench.store.tokens("default", lease.job_id) == TokenRun(ids=(5, 6), pieces=("up", "on"))
    assert bench.watched() == set()


def test_a_final_job_never_moves(bench: Any) -> None:
    lease = bench.running()
    bench.store.finish(lease, DONE)
    before = bench.store.find("default", lease.job_id)
    bench.store.cancel("default", lease.job_id)
    assert bench.store.renew([lease]) == [False]
    assert bench.store.release(lease) is False
    assert bench.store.emit([Emission(lease, 0, [1], ["x"])]) == [Emitted("fenced", 0)]
    bench.store.sweep()
    assert bench.store.find("default", lease.job_id) == before


def test_tokens_are_stored_once_and_in_order(bench: Any) -> None:
    lease = bench.running()
    emit = bench.store.emit
    assert emit([Emission(lease, 0, [1, 2], ["a", "b"])]) == [Emitted("ok", 2)]
    assert emit([Emission(lease, 0, [1, 2], ["a", "b"])]) == [Emitted("already", 2)]
    assert emit([Emission(lease, 3, [4], ["d"])]) == [Emitted("fenced", 2)]
    assert emit([Emission(lease, 2, [3], ["c"])]) == [Emitted("ok", 3)]
    assert bench.store.tokens("default", lease.job_id) == TokenRun(ids=(1, 2, 3), pieces=("a", "b", "c"))
    assert bench.store.find("default", lease.job_id).emitted_tokens == 3


def test_a_writer_whose_answer_was_lost_goes_on_from_what_is_stored(bench: Any) -> None:
    lease = bench.running()
    bench.store.emit([Emission(lease, 0, [1, 2], ["a", "b"])])
    [answer] = bench.store.emit([Emission(lease, 0, [1, 2, 3], ["a", "b", "c"])])
    assert answer == Emitted("already", 2)
    assert bench.store.emit([Emission(lease, answer.stored, [3], ["c"])]) == [Emitted("ok", 3)]
    assert bench.store.tokens("default", lease.job_id) == TokenRun(ids=(1, 2, 3), pieces=("a", "b", "c"))


def test_a_lost_worker_s_job_goes_back_to_its_old_place_with_its_tokens(bench: Any) -> None:
    lease = bench.running()
    later = bench.accept()
    bench.store.emit([Emission(lease, 0, [1, 2], ["a", "b"])])
    bench.let_lease_lapse(lease)
    bench.store.sweep()
    assert bench.state(lease.job_id) == "queued"
    assert bench.store.dispatch(MODEL) == [lease.job_id, later]
    second = bench.claim(lease.job_id)
    assert (second.attempt, second.emitted_ids, second.emitted_pieces) == (2, (1, 2), ("a", "b"))
    assert second.token > lease.token


def test_an_engine_that_cannot_continue_starts_over_and_the_waste_is_counted(bench: Any) -> None:
    lease = bench.running()
    bench.store.emit([Emission(lease, 0, [1, 2], ["a", "b"])])
    bench.let_lease_lapse(lease)
    bench.store.sweep()
    bench.store.dispatch(MODEL)
    second = bench.claim(lease.job_id, can_continue=False)
    assert (second.emitted_ids, second.wasted_tokens) == ((), 2)
    assert bench.store.emit([Emission(second, 0, [9], ["z"])]) == [Emitted("ok", 1)]


def test_a_zombie_is_fenced_once_another_has_claimed(bench: Any) -> None:
    zombie = bench.running()
    bench.let_lease_lapse(zombie)
    bench.store.sweep()
    bench.join("w2")
    bench.store.dispatch(MODEL)
    heir = bench.claim(zombie.job_id, "w2")
    assert bench.store.renew([zombie, heir]) == [False, True]
    assert bench.store.emit([Emission(zombie, 0, [1], ["a"])]) == [Emitted("fenced", 0)]
    assert bench.store.finish(zombie, DONE) == "fenced"
    assert bench.store.finish(heir, DONE) == "ok"


def test_a_server_that_lost_its_last_writes_never_gives_a_token_twice(bench: Any) -> None:
    job_id = bench.accept()
    bench.join()
    bench.store.dispatch(MODEL)
    names = bench.client.keys("frontier:*")
    kept = {name: bench.client.dump(name) for name in names}
    forgotten = bench.claim(job_id)
    bench.client.flushdb()
    for name, content in kept.items():
        bench.client.restore(name, 0, content)
    heir = bench.claim(job_id)
    assert bench.store.renew([forgotten, heir]) == [False, True]


def test_a_sleeper_takes_its_job_back_while_nobody_else_has_claimed(bench: Any) -> None:
    lease = bench.running()
    bench.let_lease_lapse(lease)
    bench.store.sweep()
    bench.store.dispatch(MODEL)
    assert bench.store.renew([lease]) == [True]
    assert isinstance(bench.try_claim(lease.job_id, "w2"), Skipped)
    assert bench.store.finish(lease, DONE) == "ok"
    assert bench.store.find("default", lease.job_id).lost_leases == 0
    assert bench.store.queue(MODEL, "default").waiting == 0


def test_what_is_refused_does_not_take_a_rescued_job_back(bench: Any) -> None:
    overlong, gappy = bench.running(timeout_seconds=0), bench.running()
    for lease in (overlong, gappy):
        bench.let_lease_lapse(lease)
    bench.store.sweep()
    assert bench.store.renew([overlong]) == [False]
    assert bench.store.emit([Emission(gappy, 1, [2], ["b"])]) == [Emitted("fenced", 0)]
    jobs = [bench.store.find("default", lease.job_id) for lease in (overlong, gappy)]
    assert [(job.state, job.lost_leases) for job in jobs] == [(JobState.QUEUED, 1)] * 2
    assert bench.store.dispatch(MODEL) == [overlong.job_id, gappy.job_id]


def test_a_released_job_counts_nothing_and_its_token_is_dead(bench: Any) -> None:
    lease = bench.running()
    assert bench.store.release(lease) is True
    assert bench.store.release(lease) is False
    assert bench.store.renew([lease]) == [False]
    assert bench.store.finish(lease, DONE) == "fenced"
    bench.store.dispatch(MODEL)
    assert bench.claim(lease.job_id).attempt == 1


def test_a_transient_failure_is_tried_again_until_the_attempts_are_used_up(bench: Any) -> None:
    lease = bench.running(max_attempts=2)
    assert bench.store.finish(lease, FAILED, retry_after_seconds=0) == "ok"
    assert bench.store.finish(lease, FAILED, retry_after_seconds=0) == "already"
    job = bench.store.find("default", lease.job_id)
    assert (job.state, job.failures, job.error) == (JobState.QUEUED, 1, FAILED.error)
    bench.store.sweep()
    bench.store.dispatch(MODEL)
    second = bench.claim(lease.job_id)
    assert second.attempt == 2
    assert bench.store.finish(second, FAILED, retry_after_seconds=0) == "ok"
    assert bench.state(lease.job_id) == "failed"
    assert bench.client.zcard("frontier:t:default:dead") == 1


def test_a_permanent_failure_is_final_at_once_and_no_dead_letter(bench: Any) -> None:
    lease = bench.running()
    bench.store.finish(lease, FAILED)
    assert bench.store.find("default", lease.job_id).error == FAILED.error
    assert bench.client.zcard("frontier:t:default:dead") == 0


def test_a_delayed_retry_waits_for_its_time(bench: Any) -> None:
    lease = bench.running()
    bench.store.finish(lease, FAILED, retry_after_seconds=60)
    bench.store.sweep()
    assert bench.store.dispatch(MODEL) == []
    delayed = bench.store.find("default", lease.job_id)
    assert delayed.not_before is not None
    assert bench.store.place(delayed) is None
    assert bench.watched() == {lease.job_id}


def test_the_third_loss_of_a_suspect_fails_it_and_no_neighbour(bench: Any) -> None:
    poison, innocent = bench.running(), bench.running()
    for _ in range(2):
        assert bench.store.rescue_worker("w1") == 2
        bench.join()
        bench.store.dispatch(MODEL)
        if bench.store.find("default", poison.job_id).lost_leases < 2:
            bench.claim(poison.job_id)
            bench.claim(innocent.job_id)
    bench.claim(poison.job_id)
    assert isinstance(bench.try_claim(innocent.job_id), Wait)
    bench.store.rescue_worker("w1")
    bench.join()
    bench.store.dispatch(MODEL)
    assert bench.store.finish(bench.claim(innocent.job_id), DONE) == "ok"
    lost = bench.store.find("default", poison.job_id)
    assert (lost.state, lost.error.code) == (JobState.FAILED, "worker_lost")
    assert bench.client.zcard("frontier:t:default:dead") == 1


def test_a_suspect_waits_for_an_empty_worker_and_keeps_others_out(bench: Any) -> None:
    suspect = bench.running()
    for _ in range(2):
        bench.store.rescue_worker("w1")
        bench.join()
        bench.store.dispatch(MODEL)
        if bench.store.find("default", suspect.job_id).lost_leases < 2:
            bench.claim(suspect.job_id)
    bench.store.rescue_worker("w1")
    neighbour = bench.running()
    bench.store.dispatch(MODEL)
    assert isinstance(bench.try_claim(suspect.job_id), Wait)
    third = bench.accept()
    bench.store.dispatch(MODEL)
    assert isinstance(bench.try_claim(third), Wait)
    bench.store.finish(neighbour, DONE)
    lease = bench.claim(suspect.job_id)
    assert isinstance(bench.try_claim(third), Wait)
    bench.store.finish(lease, DONE)
    bench.claim(third)


def test_cancel_ends_a_queued_job_wherever_it_waits(bench: Any) -> None:
    waiting = bench.accept()
    assert bench.store.cancel("default", waiting).state is JobState.CANCELLED
    dispatched = bench.accept()
    bench.join()
    bench.store.dispatch(MODEL)
    bench.store.cancel("default", dispatched)
    assert isinstance(bench.try_claim(dispatched), Skipped)
    lease = bench.running()
    bench.store.finish(lease, FAILED, retry_after_seconds=60)
    assert bench.store.cancel("default", lease.job_id).state is JobState.CANCELLED
    assert bench.watched() == set()
    status = bench.store.queue(MODEL, "default")
    assert (status.waiting, status.dispatched, status.tokens_ahead, status.tenant_waiting) == (0, 0, 0, 0)


def test_cancel_of_a_running_job_is_a_request_that_the_worker_reads(bench: Any) -> None:
    lease = bench.running()
    assert bench.store.signals([lease]) == [Signals(cancel_requested=False, streamed=False)]
    job = bench.store.cancel("default", lease.job_id)
    assert job.state is JobState.RUNNING
    assert job.cancel_requested_at is not None
    assert bench.store.signals([lease]) == [Signals(cancel_requested=True, streamed=False)]
    assert bench.store.finish(lease, Outcome(state=JobState.CANCELLED)) == "ok"
    assert bench.state(lease.job_id) == "cancelled"


@pytest.mark.parametrize("max_attempts", [1, 3])
def test_a_job_that_fails_after_its_cancel_was_asked_for_is_cancelled(bench: Any, max_attempts: int) -> None:
    lease = bench.running(max_attempts=max_attempts)
    bench.store.cancel("default", lease.job_id)
    usage = Usage(prompt_tokens=4, completion_tokens=2)
    failed = replace(FAILED, usage=usage, text="up")
    assert (
        bench.store.finish(lease, failed, tokens=TokenRun(ids=[5, 6], pieces=["u", "p"]), retry_after_seconds=0) == "ok"
    )
    job = bench.store.find("default", lease.job_id)
    assert (job.state, job.error, job.text, job.usage) == (JobState.CANCELLED, None, "up", usage)
    assert bench.store.dead_letters("default").jobs == []
    assert bench.store.finish(lease, failed, retry_after_seconds=0) == "already"


def test_a_failure_that_no_attempt_would_heal_stands_although_a_cancel_was_asked_for(bench: Any) -> None:
    lease = bench.running()
    bench.store.cancel("default", lease.job_id)
    bench.store.finish(lease, FAILED)
    assert bench.state(lease.job_id) == "failed"


def test_a_cancelled_job_of_a_lost_worker_is_not_tried_again(bench: Any) -> None:
    lease = bench.running()
    bench.store.cancel("default", lease.job_id)
    bench.store.rescue_worker("w1")
    assert bench.state(lease.job_id) == "cancelled"


def test_jobs_expire_by_deadline_and_by_time_to_start(bench: Any) -> None:
    late = bench.accept(deadline_at=1.0)
    unstarted = bench.accept(start_within_seconds=0)
    bench.store.sweep()
    assert bench.store.find("default", late).error.code == "deadline_exceeded"
    assert bench.store.find("default", unstarted).error.code == "not_started_in_time"
    assert bench.watched() == set()


def test_the_tokens_of_a_job_that_no_worker_ended_stay_readable(bench: Any) -> None:
    lease = bench.running()
    bench.store.emit([Emission(lease, 0, [1, 2], ["a", "b"])])
    bench.client.hset(f"frontier:t:default:job:{lease.job_id}", "deadline", 1)
    bench.let_lease_lapse(lease)
    bench.store.sweep()
    assert bench.state(lease.job_id) == "expired"
    assert bench.store.tokens("default", lease.job_id) == TokenRun(ids=(1, 2), pieces=("a", "b"))


def test_time_to_start_does_not_end_a_job_that_has_started(bench: Any) -> None:
    lease = bench.running(start_within_seconds=3600)
    bench.client.hset(f"frontier:t:default:job:{lease.job_id}", "start_by", 1)
    bench.store.release(lease)
    bench.store.sweep()
    assert bench.store.dispatch(MODEL) == [lease.job_id]


def test_a_lease_is_not_renewed_past_the_run_limit(bench: Any) -> None:
    assert bench.store.renew([bench.running(timeout_seconds=0)]) == [False]
    assert bench.store.renew([bench.running()]) == [True]


def test_the_run_limit_counts_from_the_slot_on(bench: Any) -> None:
    waiting, running = bench.running(timeout_seconds=0), bench.running(timeout_seconds=0)
    assert bench.store.renew([waiting, running], waited_seconds=[60, 0]) == [True, False]
    assert bench.store.renew([waiting]) == [True]  # what was told once holds


def test_the_run_limit_or_the_deadline_says_how_an_overlong_attempt_ends(bench: Any) -> None:
    assert bench.running(timeout_seconds=5).ends_as is JobState.FAILED
    lease = bench.running(deadline_at=time.time() + 100)
    assert lease.ends_as is JobState.EXPIRED
    assert 0 < lease.run_seconds <= 100


def test_an_unclaimed_message_is_published_again_with_growing_patience(bench: Any) -> None:
    job_id = bench.accept()
    bench.join()
    bench.store.dispatch(MODEL)
    assert bench.store.sweep().stranded == []
    scores = []
    for _ in range(3):
        bench.client.zadd("frontier:watch", {f"default/{job_id}": 1})
        assert bench.store.sweep().stranded == [(MODEL, job_id)]
        scores.append(bench.client.zscore("frontier:watch", f"default/{job_id}") - time.time() * 1000)
    assert scores[0] < scores[1] < scores[2]


def test_without_a_worker_a_dispatched_job_goes_back_to_its_place_unpublished(bench: Any) -> None:
    job_id = bench.accept()
    bench.join()
    bench.store.dispatch(MODEL)
    bench.store.leave("w1", model=MODEL)
    bench.client.zadd("frontier:watch", {f"default/{job_id}": 1})
    assert bench.store.sweep().stranded == []
    status = bench.store.queue(MODEL, "default")
    assert (status.waiting, status.dispatched) == (1, 0)
    bench.join()
    assert bench.store.dispatch(MODEL) == [job_id]


def test_the_message_of_a_job_that_waits_inside_a_worker_is_not_published_again(bench: Any) -> None:
    suspect, job_id = bench.running(), bench.accept()
    bench.client.hset(f"frontier:t:default:job:{suspect.job_id}", "lost", 1)
    bench.store.rescue_worker("w1")
    bench.join()
    bench.store.dispatch(MODEL)
    bench.claim(suspect.job_id)
    bench.client.zadd("frontier:watch", {f"default/{job_id}": 1})
    assert isinstance(bench.try_claim(job_id), Wait)
    assert bench.store.sweep().stranded == []


def test_after_an_outage_leases_are_extended_once_instead_of_lost(bench: Any) -> None:
    lease = bench.running()
    bench.store.sweep()
    bench.let_lease_lapse(lease)
    bench.client.set("frontier:tick", int(time.time() * 1000) - 6000)
    bench.store.sweep()
    assert bench.state(lease.job_id) == "running"
    bench.let_lease_lapse(lease)
    bench.store.sweep()
    assert bench.state(lease.job_id) == "queued"


def test_after_an_outage_a_lease_that_still_holds_is_extended_too(bench: Any) -> None:
    lease = bench.running()
    bench.store.sweep()
    seconds, _ = bench.client.time()
    bench.client.zadd("frontier:watch", {f"default/{lease.job_id}": (seconds + 3) * 1000})
    bench.client.set("frontier:tick", (seconds - 6) * 1000)
    bench.store.sweep()
    assert bench.client.zscore("frontier:watch", f"default/{lease.job_id}") >= (seconds + 10) * 1000


def test_sweeping_slower_than_half_a_lease_is_not_taken_for_an_outage(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(lease_seconds=1.5, sweep_seconds=1.0)
    lease = bench.running()
    bench.store.sweep()
    bench.let_lease_lapse(lease)
    bench.client.set("frontier:tick", int(time.time() * 1000) - 1250)
    bench.store.sweep()
    assert bench.state(lease.job_id) == "queued"


def test_a_sweep_says_when_more_jobs_are_due(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(sweep_limit=2)
    ids = [bench.accept(deadline_at=1.0, retention_seconds=0) for _ in range(3)]
    assert [bench.store.sweep().has_more for _ in range(2)] == [True, False]
    for job_id in ids:
        with pytest.raises(JobRetired):
            bench.store.find("default", job_id)


def test_a_retired_job_leaves_nothing_but_its_event_its_usage_and_the_knowledge_that_it_was(bench: Any) -> None:
    before = bench.keys()
    lease = bench.running(retention_seconds=0, idempotency_key="k", fingerprint="f")
    bench.store.emit([Emission(lease, 0, [1], ["a"])])
    bench.store.finish(lease, DONE, tokens=TokenRun(ids=[1], pieces=["a"]))
    bench.store.sweep()
    with pytest.raises(JobRetired):
        bench.store.find("default", lease.job_id)
    left = {key for key in bench.keys() - before if ":t:" in key}
    left.remove(next(key for key in left if key.startswith("frontier:t:default:usage:")))
    assert left == {"frontier:t:default:events"}
    assert bench.client.zcard("frontier:retire") == 0


def test_erase_refuses_a_job_that_is_not_final(bench: Any) -> None:
    job_id = bench.accept()
    with pytest.raises(JobNotFinal):
        bench.store.erase("default", job_id)
    bench.store.cancel("default", job_id)
    bench.store.erase("default", job_id)
    with pytest.raises(JobNotFound):
        bench.store.find("default", job_id)


def test_a_namesake_that_is_alive_is_noticed(bench: Any) -> None:
    assert bench.store.heartbeat("w1", model=MODEL, slots=4, instance="a") is None
    assert bench.store.heartbeat("w1", model=MODEL, slots=4, instance="a") is None
    assert bench.store.heartbeat("w1", model=MODEL, slots=4, instance="b") == "a"
    bench.store.leave("w1", model=MODEL)
    assert bench.store.heartbeat("w1", model=MODEL, slots=4, instance="b") is None


def test_workers_that_never_return_leave_nothing_for_ever(bench: Any) -> None:
    bench.join("gone")
    bench.client.zadd("frontier:m:m:workers", {"gone": 1})
    bench.join("w1")
    assert bench.client.zrange("frontier:m:m:workers", 0, -1) == [b"w1"]
    assert bench.client.hkeys("frontier:m:m:slots") == [b"w1"]
    assert bench.client.pttl("frontier:w:gone") > 0


def test_a_suspect_that_waits_for_a_worker_that_leaves_keeps_no_trace_of_it_for_ever(bench: Any) -> None:
    suspect, neighbour = bench.accept(), bench.running()
    bench.client.hset(f"frontier:t:default:job:{suspect}", "lost", 2)
    bench.store.leave("w1", model=MODEL)
    assert isinstance(bench.try_claim(suspect), Wait)
    bench.store.release(neighbour)
    assert bench.client.pttl("frontier:w:w1") > 0


def test_a_short_page_reads_few_of_many_jobs(bench: Any) -> None:
    for _ in range(120):
        bench.accept()

    def jobs_read() -> int:
        calls: int = bench.client.info("commandstats").get("cmdstat_hgetall", {}).get("calls", 0)
        return calls

    before = jobs_read()
    assert len(bench.store.list("default", limit=20).jobs) == 20
    assert jobs_read() - before < 100


def test_pages_go_back_through_all_jobs_and_filters_hold(bench: Any) -> None:
    ids = [bench.accept(metadata={"parity": str(n % 2)}) for n in range(250)]
    bench.store.cancel("default", ids[7])
    seen, before = [], None
    while True:
        page = bench.store.list("default", before=before, limit=40)
        seen += [job.id for job in page.jobs]
        if page.next_before is None:
            break
        before = page.next_before
    assert seen == ids[::-1]
    assert [job.id for job in bench.store.list("default", state=JobState.CANCELLED).jobs] == [ids[7]]
    odd = bench.store.list("default", metadata={"parity": "1"}, limit=100)
    assert {job.metadata["parity"] for job in odd.jobs} == {"1"}
    assert len(odd.jobs) == 100
    assert bench.store.list("default", model="other").jobs == []


def test_a_place_in_the_queue_counts_those_before(bench: Any) -> None:
    first, second = bench.accept(), bench.accept()
    places = [bench.store.place(bench.store.find("default", job_id)) for job_id in (first, second)]
    assert [place.position for place in places] == [0, 1]
    assert places[0].tokens_ahead == 0 < places[1].tokens_ahead


def test_a_nearly_full_store_takes_no_jobs_but_lets_running_ones_end(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(memory_ceiling=0.001)
    lease = bench.running()
    bench.client.config_set("maxmemory", 1_000_000_000)
    try:
        full = make_bench(memory_ceiling=0.0001)
        with pytest.raises(StorageFull):
            full.accept()
        bench.client.config_set("maxmemory", 1)
        assert bench.store.finish(lease, DONE) == "ok"
    finally:
        bench.client.config_set("maxmemory", 0)


def test_strict_durability_waits_for_the_disk(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(durability="strict")
    assert bench.state(bench.accept()) == "queued"


def test_strict_durability_holds_for_a_repeat_over_another_connection(redis_process: RedisProcess) -> None:
    strict = StoreSettings(durability="strict")
    with Redis.from_url(redis_process.url) as one, Redis.from_url(redis_process.url) as other:
        first, again = Bench(one, strict), Bench(other, strict)
        one.config_set("appendfsync", "no")
        new = first.new(idempotency_key="k", fingerprint="f")
        for bench in (first, again):
            with pytest.raises(StoreUnavailable):
                bench.store.accept(new)
        one.config_set("appendfsync", "always")
        assert again.store.accept(replace(new, id="job_other")).job_id == new.id


def test_a_waiting_job_with_a_300_character_prompt_takes_at_most_1500_bytes(bench: Any) -> None:
    letters = Random(1)
    prompt = "".join(letters.choices("etaoin shrdlu", k=300))
    request = InferenceRequest(model=MODEL, type=RequestType.COMPLETION, prompt=prompt)
    bench.accept(request=request)
    before = bench.client.info("memory")["used_memory_dataset"]
    for number in range(2000):
        bench.accept(id=f"job_{number:022}", request=request)
    each = (bench.client.info("memory")["used_memory_dataset"] - before) / 2000
    assert each < 1500


def test_a_worker_that_leaves_puts_dispatched_jobs_back_to_their_place(bench: Any) -> None:
    first, second = bench.accept(), bench.accept()
    bench.join()
    bench.store.dispatch(MODEL)
    assert bench.store.put_back(first, model=MODEL) is True
    assert bench.store.put_back(first, model=MODEL) is False
    assert isinstance(bench.try_claim(first), Skipped)
    assert bench.store.dispatch(MODEL) == [first]
    assert bench.claim(second).attempt == 1


def test_a_reader_of_tokens_is_signalled_to_the_worker_until_the_end(bench: Any) -> None:
    lease = bench.running()
    bench.store.follow("default", lease.job_id)
    assert bench.store.signals([lease]) == [Signals(cancel_requested=False, streamed=True)]
    bench.store.finish(lease, DONE)
    assert bench.store.signals([lease]) == [Signals(cancel_requested=False, streamed=False)]


def test_a_filter_that_matches_little_is_answered_in_bounded_steps(bench: Any) -> None:
    rare = bench.accept(metadata={"kind": "rare"})
    for _ in range(5100):
        bench.accept()
    first = bench.store.list("default", metadata={"kind": "rare"})
    assert (first.jobs, first.next_before is None) == ([], False)
    second = bench.store.list("default", metadata={"kind": "rare"}, before=first.next_before)
    assert ([job.id for job in second.jobs], second.next_before) == ([rare], None)
