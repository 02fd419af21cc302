from __future__ import annotations

import time
from typing import Any

import pytest

from jobs.answers import Skipped
from jobs.errors import ModelDraining
from jobs.job import AttemptError, JobState, Outcome

MODEL = "m"
DONE = Outcome(state=JobState.SUCCEEDED, text="upon", finish_reason="stop")
FAILED = Outcome(state=JobState.FAILED, error=AttemptError(code="engine_error", message="it broke"))


def set_mode(bench: Any, mode: str) -> Any:
    bench.store.set_mode(MODEL, mode)
    return bench.store.queue(MODEL, "default")


def test_a_model_runs_until_it_is_told_otherwise(bench: Any) -> None:
    status = bench.store.queue(MODEL, "default")
    assert (status.mode, status.mode_since) == ("running", None)
    assert set_mode(bench, "running").mode == "running"
    assert bench.keys() == set()


def test_a_mode_is_kept_with_its_time_and_the_same_again_changes_nothing(bench: Any) -> None:
    before = time.time()
    first = set_mode(bench, "paused")
    assert first.mode == "paused"
    assert first.mode_since == pytest.approx(before, abs=60)
    bench.client.hset("frontier:m:m:mode", "since", 1000)
    assert set_mode(bench, "paused").mode_since == 1.0
    assert set_mode(bench, "draining").mode_since > 1.0
    assert set_mode(bench, "running").mode_since is None


def test_a_pause_puts_the_window_back_to_its_place(bench: Any) -> None:
    bench.join(slots=2)
    ids = [bench.accept() for _ in range(6)]
    running = bench.store.dispatch(MODEL)[:1]
    lease = bench.claim(running[0])
    status = set_mode(bench, "paused")
    assert (status.waiting, status.dispatched, status.running) == (5, 0, 1)
    assert status.tenant_waiting == 5
    for job_id in ids[1:4]:
        assert isinstance(bench.try_claim(job_id), Skipped)
    assert bench.store.finish(lease, DONE) == "ok"
    set_mode(bench, "running")
    assert bench.store.dispatch(MODEL) == ids[1:5]
    assert bench.claim(ids[1]).attempt == 1


def test_a_paused_model_accepts_and_starts_nothing(bench: Any) -> None:
    bench.join()
    set_mode(bench, "paused")
    job_id = bench.accept()
    assert bench.store.dispatch(MODEL) == []
    assert isinstance(bench.try_claim(job_id), Skipped)
    assert bench.store.sweep().stranded == []
    assert bench.state(job_id) == "queued"


def test_retries_rescues_and_releases_of_a_paused_model_wait(bench: Any) -> None:
    retried, rescued, released = bench.running(), bench.running(), bench.running()
    set_mode(bench, "paused")
    bench.store.finish(retried, FAILED, retry_after_seconds=0)
    bench.store.release(released)
    bench.let_lease_lapse(rescued)
    bench.store.sweep()
    bench.store.sweep()
    assert bench.store.dispatch(MODEL) == []
    status = bench.store.queue(MODEL, "default")
    assert (status.waiting, status.dispatched, status.running) == (3, 0, 0)
    set_mode(bench, "running")
    assert bench.store.dispatch(MODEL) == [retried.job_id, rescued.job_id, released.job_id]


def test_jobs_of_a_paused_model_expire_and_are_cancelled_as_ever(bench: Any) -> None:
    bench.join()
    cancelled, late = bench.accept(), bench.accept(start_within_seconds=0)
    set_mode(bench, "paused")
    assert bench.store.cancel("default", cancelled).state is JobState.CANCELLED
    bench.store.sweep()
    assert bench.state(late) == "expired"


def test_a_paused_model_makes_no_estimates(bench: Any) -> None:
    bench.store.finish(bench.running(), DONE)
    assert bench.store.queue(MODEL, "default").eta_seconds is not None
    assert set_mode(bench, "paused").eta_seconds is None


def test_a_pause_is_of_one_model_alone(bench: Any) -> None:
    bench.store.set_mode("other", "paused")
    lease = bench.running()
    assert bench.store.finish(lease, DONE) == "ok"


def test_a_window_entry_without_a_record_does_not_hinder_a_pause(bench: Any) -> None:
    bench.client.hset("frontier:m:m:window", "job_none", "default")
    assert set_mode(bench, "paused").dispatched == 0


def test_a_draining_model_refuses_new_jobs_and_works_off_what_it_has(bench: Any) -> None:
    lease, waiting = bench.running(), bench.accept()
    replayed = bench.new(idempotency_key="k", fingerprint="f")
    bench.store.accept(replayed)
    set_mode(bench, "draining")
    with pytest.raises(ModelDraining) as refusal:
        bench.accept()
    assert refusal.value.model == MODEL
    assert bench.store.accept(bench.new(idempotency_key="k", fingerprint="f")).replayed is True
    assert bench.store.finish(lease, DONE) == "ok"
    assert bench.store.dispatch(MODEL) == [waiting, replayed.id]
    for job_id in (waiting, replayed.id):
        assert bench.store.finish(bench.claim(job_id), DONE) == "ok"
    assert bench.watched() == set()
    set_mode(bench, "running")
    assert bench.state(bench.accept()) == "queued"
