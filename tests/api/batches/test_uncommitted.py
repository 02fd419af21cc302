"""What was written of a batch and is not in its record is deleted, and nothing else."""

from __future__ import annotations

import threading

import pytest
from redis import Redis

from api.batches.batch_run import BatchRun
from api.batches.gathering import Gathering
from api.batches.retirement import Retirement
from api.batches.uncommitted import clear_uncommitted
from jobs.batches.batch import BatchLease, BatchStatus
from jobs.batches.ids import batch_folder
from jobs.batches.store import BatchStore
from jobs.settings import StoreSettings
from resilience.failpoints import Failpoint
from tests.api.batches.run_room import TENANT, RunRoom
from tests.api.batches.test_running_lines import numbered
from tests.api.conftest import Worker


class Killed(BaseException):
    """In the place of a kill."""


def lies_there(room: RunRoom, lease: BatchLease) -> set[str]:
    return set(room.storage.names(batch_folder(TENANT, lease.batch.id)))


def committed(room: RunRoom, lease: BatchLease) -> set[str]:
    return {part.name for part in room.batches.parts(TENANT, lease.batch.id, "output")}


def end_lines(room: RunRoom, lease: BatchLease, count: int) -> None:
    room.feed(lease).feed(count)
    for job_id in room.lines(lease):
        Worker(room.jobs).run(job_id)


def write_and_die(gathering: Gathering) -> None:
    """A runner brings in what has ended, and is killed before it has committed that."""

    def die(place: Failpoint) -> None:
        if place is Failpoint.RUNNER_BEFORE_COMMIT:
            raise Killed

    gathering.collect()
    gathering.parts.reach = die
    with pytest.raises(Killed):
        gathering.write(at_once=True)


def taken_over(room: RunRoom, lease: BatchLease) -> BatchLease:
    assert room.batches.rescue(lease.runner) == 1
    second = room.batches.claim(f"{TENANT}/{lease.batch.id}", "runner-2")
    assert second is not None
    return second


def run(room: RunRoom, lease: BatchLease) -> None:
    BatchRun(room.work, lease, closing=threading.Event()).run()


def test_a_part_that_a_killed_runner_did_not_commit_is_deleted_by_the_next(room: RunRoom) -> None:
    lease = room.claimed(*numbered(2))
    gathering = room.gathering(lease)
    end_lines(room, lease, 1)
    gathering.collect()
    gathering.write(at_once=True)
    end_lines(room, lease, 2)
    write_and_die(gathering)
    assert len(lies_there(room, lease)) == 3

    second = taken_over(room, lease)
    batch = room.batches.find(TENANT, lease.batch.id)
    assert clear_uncommitted(room.batches, room.storage, batch, before=second.token) == 1

    assert lies_there(room, lease) == committed(room, lease) | {batch.order_name}
    run(room, second)
    assert room.batches.find(TENANT, lease.batch.id).status is BatchStatus.COMPLETED
    assert len(room.answers(lease, "output")) == 2
    assert lies_there(room, lease) == committed(room, lease)


def test_what_a_live_newer_lease_has_written_is_left_to_it(room: RunRoom) -> None:
    zombie = room.claimed(*numbered(1))
    end_lines(room, zombie, 1)
    second = taken_over(room, zombie)
    write_and_die(room.gathering(second))
    batch = room.batches.find(TENANT, zombie.batch.id)
    before = lies_there(room, zombie)

    assert clear_uncommitted(room.batches, room.storage, batch, before=zombie.token + 1) == 0

    assert lies_there(room, zombie) == before
    assert len(before) == 2


def test_who_ends_a_batch_leaves_its_parts_alone_in_the_storage(room: RunRoom) -> None:
    lease = room.claimed(*numbered(1))
    end_lines(room, lease, 1)
    with room.storage.create(f"{batch_folder(TENANT, lease.batch.id)}/errors-00001-{lease.token}") as writer:
        writer.write(b"not committed")

    run(room, lease)

    assert room.batches.find(TENANT, lease.batch.id).status is BatchStatus.COMPLETED
    assert lies_there(room, lease) == committed(room, lease)


def test_what_a_runner_wrote_after_the_end_goes_when_the_batch_is_forgotten(room: RunRoom, redis_client: Redis) -> None:
    lease = room.claimed(*numbered(1))
    end_lines(room, lease, 1)
    run(room, lease)
    parts = committed(room, lease)
    late = f"{batch_folder(TENANT, lease.batch.id)}/output-00002-{lease.token - 1}"
    with room.storage.create(late) as writer:
        writer.write(b"late")
    brief = BatchStore(redis_client, StoreSettings(batch_log_seconds=0))
    assert Retirement(batches=brief, storage=room.storage).run() == 0, "it ended under other settings"
    redis_client.zadd("frontier:ended_batches", {f"{TENANT}/{lease.batch.id}": 0})

    assert Retirement(batches=brief, storage=room.storage).run() == 1

    assert lies_there(room, lease) == parts
    assert room.batches.page(TENANT).batches == []
