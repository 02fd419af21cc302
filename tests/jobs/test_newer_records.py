"""During a rolling upgrade: what a newer release wrote is left alone, and nothing else suffers from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.errors import JobRetired, NewerRecord
from jobs.job import JobState, Outcome

MODEL = "m"
DONE = Outcome(state=JobState.SUCCEEDED, text="upon", finish_reason="stop")


def make_newer(bench: Any, job_id: str) -> None:
    bench.client.hset(f"frontier:t:default:job:{job_id}", "schema", 99)


def record(bench: Any, job_id: str) -> Any:
    return bench.client.hgetall(f"frontier:t:default:job:{job_id}")


def test_a_running_job_is_left_alone_by_its_lease_s_end_and_its_worker(bench: Any) -> None:
    lease = bench.running()
    make_newer(bench, lease.job_id)
    before = record(bench, lease.job_id)
    bench.let_lease_lapse(lease)
    bench.store.sweep()
    assert bench.store.finish(lease, DONE) == "fenced"
    assert bench.store.postpone(lease, seconds=1) is False
    assert record(bench, lease.job_id) == before


@pytest.mark.parametrize("move", ["cancel", "follow", "erase", "requeue"])
def test_a_client_s_wish_is_refused_and_changes_nothing(bench: Any, move: str) -> None:
    job_id = bench.accept()
    if move in {"erase", "requeue"}:
        bench.store.cancel("default", job_id)
    make_newer(bench, job_id)
    before = record(bench, job_id)
    options = {"new_id": "job_new"} if move == "requeue" else {}
    with pytest.raises(NewerRecord):
        getattr(bench.store, move)("default", job_id, **options)
    assert record(bench, job_id) == before


def test_a_mass_cancel_passes_over_it(bench: Any) -> None:
    newer, own = (bench.accept(metadata={"run": "7"}) for _ in range(2))
    make_newer(bench, newer)
    assert bench.store.cancel_matching("default", metadata={"run": "7"}).cancelled == [own]
    assert bench.field(newer, "state") == b"queued"


def test_a_pause_passes_over_it(bench: Any) -> None:
    bench.join()
    newer, own = bench.accept(), bench.accept()
    bench.store.dispatch(MODEL)
    make_newer(bench, newer)
    bench.store.set_mode(MODEL, "paused")
    assert (bench.field(newer, "place"), bench.field(own, "place")) == (b"window", b"queue")


def test_its_retirement_does_not_hold_up_that_of_others(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(sweep_limit=3)
    newer, own = [bench.accept() for _ in range(7)], bench.accept()
    for age, job_id in enumerate([*newer, own], start=1):
        bench.store.cancel("default", job_id)
        bench.client.zadd("frontier:retire", {f"default/{job_id}": age})
    for job_id in newer:
        make_newer(bench, job_id)
    assert [bench.store.sweep().has_more for _ in range(3)] == [True, True, False]
    with pytest.raises(JobRetired):
        bench.store.find("default", own)
    assert [bench.field(job_id, "state") for job_id in newer] == [b"cancelled"] * 7
    assert bench.client.zcard("frontier:retire") == 7
