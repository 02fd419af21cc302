"""A batch whose runs fail as nobody expected is tried again, and given up with what it has."""

from __future__ import annotations

import logging
import threading

import pytest
from redis import Redis

from api.batches.batch_run import PROVEN_SECONDS, BatchRun
from api.batches.runner import BatchRunner
from jobs.batches.batch import BatchLease, BatchStatus
from jobs.files.file import name_of
from tests.api.batches.run_room import TENANT, RunRoom
from tests.api.batches.test_running_lines import numbered
from tests.api.conftest import Worker


def end_lines(room: RunRoom, lease: BatchLease, count: int) -> list[str]:
    room.feed(lease).feed(count)
    job_ids = room.lines(lease)
    for job_id in job_ids:
        Worker(room.jobs).run(job_id)
    return job_ids


def spoil_input(room: RunRoom, lease: BatchLease) -> None:
    """What lies under the name of the input is no JSON any more."""
    with room.storage.create(name_of(TENANT, lease.batch.input_file_id)) as writer:
        writer.write(b"?" * 10_000)


def claim_again(room: RunRoom, client: Redis, lease: BatchLease) -> BatchLease:
    """Once its pause is over."""
    ref = f"{TENANT}/{lease.batch.id}"
    client.zadd("frontier:batches", {ref: 0})
    again = room.batches.claim(ref, "runner-1")
    assert again is not None
    return again


def run(room: RunRoom, lease: BatchLease) -> None:
    BatchRun(room.work, lease, closing=threading.Event()).run()


def test_a_batch_that_cannot_be_run_fails_and_delivers_what_has_ended(
    room: RunRoom, redis_client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    lease = room.claimed(*numbered(3))
    end_lines(room, lease, 1)
    spoil_input(room, lease)
    for tries in range(5):
        assert (lease.batch.tries, lease.batch.status) == (tries, BatchStatus.IN_PROGRESS)
        run(room, lease)
        lease = claim_again(room, redis_client, lease)
    assert lease.batch.is_given_up

    run(room, lease)

    batch = room.batches.find(TENANT, lease.batch.id)
    assert (batch.status, batch.completed) == (BatchStatus.FAILED, 1)
    assert [error.code for error in batch.errors] == ["batch_given_up"]
    assert batch.output_file_id is not None
    assert len(room.answers(lease, "output")) == 1
    told = [record.message for record in caplog.records if getattr(record, "batch_id", None) == batch.id]
    assert told == ["batch_run_failed"] * 5 + ["batch_given_up"]


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_batch_whose_lines_cannot_be_told_either_ends_without_them(
    room: RunRoom, redis_client: Redis, *, is_cancelled: bool
) -> None:
    lease = room.claimed(*numbered(3))
    [job_id] = end_lines(room, lease, 1)
    redis_client.set(f"frontier:t:{TENANT}:out:{job_id}", b"no outcome")
    if is_cancelled:
        room.batches.cancel(TENANT, lease.batch.id)
    for _ in range(6):
        run(room, lease)
        lease = claim_again(room, redis_client, lease)
    assert (lease.batch.is_given_up, lease.batch.tries) == (True, 1)

    run(room, lease)

    batch = room.batches.find(TENANT, lease.batch.id)
    assert batch.status is (BatchStatus.CANCELLED if is_cancelled else BatchStatus.FAILED)
    assert [error.code for error in batch.errors] == ["batch_given_up"]
    assert room.batches.open_lines(lease) == []
    assert room.batches.due(10) == []


def test_a_suspect_is_one_until_a_minute_has_gone_by_or_a_line_was_told(room: RunRoom, redis_client: Redis) -> None:
    lease = room.claimed(*numbered(3))
    for _ in range(2):
        lease = claim_again(room, redis_client, lease)
    suspect = BatchRun(room.work, lease, closing=threading.Event())
    told = [suspect.is_suspect]
    room.time += PROVEN_SECONDS
    told.append(suspect.is_suspect)
    assert told == [True, False]

    end_lines(room, lease, 3)
    another = BatchRun(room.work, lease, closing=threading.Event())
    told = [another.is_suspect]
    another.run()
    told.append(another.is_suspect)
    assert told == [True, False]


def test_a_runner_leaves_what_it_holds_to_its_own_run(room: RunRoom, redis_client: Redis) -> None:
    """As after an outage in which it could not renew."""
    lease = room.claimed(*numbered(3))
    room.batches.release(lease)
    ref = f"{TENANT}/{lease.batch.id}"
    runner = BatchRunner(room.work, runner="runner-1", most=2)
    runner.look()
    key = f"frontier:t:{TENANT}:batch:{lease.batch.id}"
    fence = redis_client.hget(key, "fence")

    redis_client.zadd("frontier:batches", {ref: 0})
    runner.look()

    assert redis_client.hget(key, "fence") == fence
    runner.close()


def test_a_batch_whose_lines_are_all_told_has_completed_however_often_its_end_failed(
    room: RunRoom, redis_client: Redis
) -> None:
    lease = room.claimed(*numbered(1))
    end_lines(room, lease, 1)
    gathering = room.gathering(lease)
    gathering.collect()
    gathering.write(at_once=True)
    assert room.batches.finalize(lease)
    for _ in range(5):
        lease = claim_again(room, redis_client, lease)
    assert lease.batch.is_given_up

    run(room, lease)

    batch = room.batches.find(TENANT, lease.batch.id)
    assert (batch.status, batch.completed, batch.errors) == (BatchStatus.COMPLETED, 1, ())
