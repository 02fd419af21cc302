"""One look tells how everything stands, and what is counted does not fall."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import redis

from jobs.census import Census
from jobs.job import AttemptError, JobState, Outcome, Priority, Usage
from jobs.lease import Lease
from jobs.settings import StoreSettings
from jobs.worker_gauges import WorkerGauges
from tests.jobs.conftest import MODEL, WORKER, Bench

DONE = Outcome(state=JobState.SUCCEEDED, text="upon", usage=Usage(prompt_tokens=1, completion_tokens=1))
BROKEN = Outcome(state=JobState.FAILED, error=AttemptError(code="internal_error", message="It broke."))
GAUGES = WorkerGauges(tokens_per_second=41.5, running=3, waiting=1, occupancy=0.75, kv_tokens=700, gpu_utilisation=0.5)


def finish(bench: Bench, lease: Lease, outcome: Outcome = DONE) -> None:
    assert bench.store.finish(lease, outcome) == "ok"


def test_an_empty_record_has_no_models_and_owes_nobody_anything(bench: Bench) -> None:
    expected = Census(
        models={}, pending_deliveries=0, deliveries_under_way=0, overdue_seconds=0, senders=0, open_batches=0
    )
    assert bench.store.census() == expected


def test_jobs_that_wait_are_counted_by_class_and_those_elsewhere_apart(bench: Bench) -> None:
    bench.running()
    bench.accept(), bench.accept(tenant="other"), bench.accept(priority=Priority.BATCH)
    bench.accept(priority=Priority.INTERACTIVE)
    stand = bench.store.census().models[MODEL]
    assert stand.waiting == {Priority.INTERACTIVE: 1, Priority.STANDARD: 2, Priority.BATCH: 1}
    assert (stand.dispatched, stand.running, stand.delayed) == (0, 1, 0)
    assert len(bench.store.dispatch(MODEL)) == 4
    stand = bench.store.census().models[MODEL]
    assert set(stand.waiting.values()) == {0}
    assert (stand.dispatched, stand.running) == (4, 1)


def test_the_age_of_who_goes_next_is_told_for_each_class(bench: Bench) -> None:
    first, _ = bench.accept(), bench.accept()
    urgent = bench.accept(priority=Priority.INTERACTIVE)
    for job_id, age_ms in ((first, 5000), (urgent, 2000)):
        created = int(bench.field(job_id, "created") or 0)
        bench.client.hset(f"frontier:t:default:job:{job_id}", "created", created - age_ms)
    oldest = bench.store.census().models[MODEL].oldest_seconds
    assert oldest.keys() == {Priority.INTERACTIVE, Priority.STANDARD}
    assert oldest[Priority.STANDARD] >= 5
    assert oldest[Priority.INTERACTIVE] >= 2


def test_work_is_what_jobs_cost_at_the_usual_pace(bench: Bench) -> None:
    assert bench.accept()
    assert bench.store.census().models[MODEL].waiting_work_seconds is None
    bench.client.hset(f"frontier:m:{MODEL}:pace", mapping={"job_ms": 3000, "job_tokens": 10})
    cost = bench.new().request.estimated_tokens
    stand = bench.store.census().models[MODEL]
    assert stand.waiting_work_seconds == pytest.approx(3.0 * cost / 10)
    assert stand.running_work_seconds == 0
    bench.running()
    bench.running()
    assert bench.store.census().models[MODEL].running_work_seconds == pytest.approx(6.0)


def test_what_a_worker_tells_is_known_as_long_as_it_lives(bench: Bench) -> None:
    tell: Any = {"model": MODEL, "slots": 4, "instance": "w1#1"}
    bench.store.heartbeat(WORKER, gauges=GAUGES, **tell)
    bench.join("w2", slots=2)
    told = bench.store.census().models[MODEL].workers
    assert sorted((worker.slots, worker.gauges) for worker in told) == [(2, None), (4, GAUGES)]
    bench.store.heartbeat(WORKER, **tell)
    assert all(worker.gauges is None for worker in bench.store.census().models[MODEL].workers)
    bench.store.heartbeat(WORKER, gauges=GAUGES, **tell)
    bench.client.zadd(f"frontier:m:{MODEL}:workers", {WORKER: 1})
    assert [worker.slots for worker in bench.store.census().models[MODEL].workers] == [2]
    bench.store.leave("w2", model=MODEL)
    assert bench.store.census().models[MODEL].workers == ()


def test_what_a_newer_release_tells_of_its_workers_does_no_harm(bench: Bench) -> None:
    bench.join()
    bench.client.hset(f"frontier:w:{WORKER}", "gauges", '{"running":2,"something_new":[1]}')
    [worker] = bench.store.census().models[MODEL].workers
    assert worker.gauges == WorkerGauges(running=2)


def test_ends_and_losses_are_counted_once_and_survive_what_they_were_of(bench: Bench) -> None:
    done = bench.running()
    finish(bench, done)
    assert bench.store.finish(done, DONE) == "already"
    cancelled = bench.accept()
    bench.store.cancel("default", cancelled)
    lost = bench.running()
    bench.let_lease_lapse(lost)
    bench.store.sweep()
    for job_id in (done.job_id, cancelled):
        bench.store.erase("default", job_id)
    counts = bench.store.census().models[MODEL].counts
    assert {state.value: count for state, count in counts.finished.items()} == {
        "succeeded": 1,
        "failed": 0,
        "cancelled": 1,
        "expired": 0,
    }
    assert (counts.leases_lost, counts.rescued, counts.stranded) == (1, 1, 0)


def test_a_message_that_is_sent_again_is_counted(bench: Bench) -> None:
    bench.join()
    job_id = bench.accept()
    bench.store.dispatch(MODEL)
    for again in (1, 2):
        bench.client.zadd("frontier:watch", {f"default/{job_id}": 1})
        assert bench.store.sweep().stranded == [(MODEL, job_id)]
        assert bench.store.census().models[MODEL].counts.stranded == again


def test_dead_letters_are_those_that_are_there(make_bench: Any) -> None:
    bench = make_bench()
    dead = []
    for _ in range(3):
        lease = bench.running(max_attempts=1)
        assert bench.store.finish(lease, BROKEN, retry_after_seconds=1.0) == "ok"
        dead.append(lease.job_id)
    assert bench.store.census().models[MODEL].counts.dead_letters == 3
    bench.store.requeue("default", dead[0], new_id="job_again", key_id="operator")
    bench.store.erase("default", dead[1])
    assert bench.store.census().models[MODEL].counts.dead_letters == 1
    bench.store.erase("default", dead[2])
    assert bench.store.census().models[MODEL].counts.dead_letters == 0


def test_no_count_falls_below_nothing_for_what_an_older_release_did_not_count(redis_client: redis.Redis) -> None:
    bench = Bench(redis_client, StoreSettings())
    bench.accept(priority=Priority.BATCH), bench.accept()
    lease = bench.running(max_attempts=1)
    assert bench.store.finish(lease, BROKEN, retry_after_seconds=1.0) == "ok"
    bench.client.hdel(f"frontier:m:{MODEL}:waiting", "batch", "standard")
    bench.client.delete(f"frontier:m:{MODEL}:counts")
    bench.store.dispatch(MODEL)
    bench.store.erase("default", lease.job_id)
    bench.accept(priority=Priority.BATCH)
    stand = bench.store.census().models[MODEL]
    assert stand.waiting == {Priority.INTERACTIVE: 0, Priority.STANDARD: 0, Priority.BATCH: 1}
    assert stand.counts.dead_letters == 0


def test_gauges_are_kept_in_a_few_bytes() -> None:
    assert WorkerGauges.unpacked(GAUGES.packed()) == GAUGES
    assert len(GAUGES.packed()) < 150
    assert replace(GAUGES, gpu_utilisation=None).packed().count("gpu") == 0
