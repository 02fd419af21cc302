"""Lines that become jobs as there is room, and their answers that become parts of the output."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from redis import Redis

from api.batches.batch_run import BatchRun
from jobs.batches.batch import BatchStatus
from jobs.errors import BatchLeaseLost, BatchStopped
from jobs.tenant_limits import TenantLimits
from jobs.tenants import TenantStore
from storage.errors import StorageFull
from storage.storage import Storage
from tests.api.batches.conftest import line_of
from tests.api.batches.run_room import TENANT, RunRoom, catalog_of
from tests.api.conftest import Worker


@pytest.fixture
def worker(room: RunRoom) -> Worker:
    return Worker(room.jobs)


def numbered(count: int) -> list[bytes]:
    return [line_of(f"q-{number}", body={"max_tokens": 9, "seed": number}) for number in range(count)]


def test_no_more_lines_are_jobs_than_there_is_room_for(room: RunRoom) -> None:
    lease = room.claimed(*numbered(9))
    feed = room.feed(lease)

    feed.feed(3)

    assert (feed.position, len(room.lines(lease)), feed.waits_for) == (3, 3, None)
    assert room.batches.find(TENANT, lease.batch.id).position == 3


def test_a_full_queue_is_waited_for_and_the_same_line_has_its_turn_again(room: RunRoom, worker: Worker) -> None:
    lease = room.claimed(*numbered(9))
    feed = room.feed(lease)
    feed.feed(9)

    assert feed.position == len(room.lines(lease)) == 5
    assert feed.waits_for is not None
    assert feed.not_before > room.time
    worker.run(room.lines(lease)[0])
    feed.feed(9)
    assert feed.position == 5, "it was not to be tried yet"
    room.time = feed.not_before
    feed.feed(9)

    assert feed.position > 5


def test_the_next_runner_goes_on_with_the_line_whose_turn_it_is(room: RunRoom) -> None:
    lease = room.claimed(*numbered(4))
    first = room.feed(lease)
    first.feed(2)
    before = room.lines(lease)

    again = room.feed(lease)  # as the batch was when it was claimed
    again.feed(3)

    assert again.position == 3
    assert room.lines(lease)[:2] == before
    assert len(room.lines(lease)) == 3


def test_no_line_is_submitted_to_a_batch_that_is_cancelled(room: RunRoom) -> None:
    lease = room.claimed(*numbered(4))
    feed = room.feed(lease)
    room.batches.cancel(TENANT, lease.batch.id)

    with pytest.raises(BatchStopped):
        feed.feed(1)
    assert room.lines(lease) == []


def test_a_line_that_is_not_good_any_more_is_answered_as_its_route_would(room: RunRoom, tmp_path: Path) -> None:
    lease = room.claimed(*numbered(2))
    feed = room.feed(lease, catalog_of(tmp_path, max_tokens=5))
    gathering = room.gathering(lease)

    feed.feed(2)
    gathering.collect()
    gathering.write(at_once=True)

    assert room.lines(lease) == []
    answers = room.answers(lease, "errors")
    assert sorted(answer["custom_id"] for answer in answers) == ["q-0", "q-1"]
    assert {answer["response"]["status_code"] for answer in answers} == {400}
    assert {answer["response"]["body"]["error"]["param"] for answer in answers} == {"max_tokens"}
    assert room.batches.finalize(lease)


def test_a_line_that_is_passed_over_keeps_none_of_its_neighbours_from_running(room: RunRoom, tmp_path: Path) -> None:
    lengths = [3, 3, 9, 3, 9]
    lease = room.claimed(
        *(line_of(f"q-{number}", body={"max_tokens": length, "seed": number}) for number, length in enumerate(lengths))
    )
    feed = room.feed(lease, catalog_of(tmp_path, max_tokens=5))
    gathering = room.gathering(lease)

    feed.feed(5)
    gathering.collect()
    gathering.write(at_once=True)

    assert feed.is_done
    assert len(room.lines(lease)) == 3
    assert sorted(answer["custom_id"] for answer in room.answers(lease, "errors")) == ["q-2", "q-4"]


def test_a_line_above_its_tenant_s_limit_is_answered_so(room: RunRoom, redis_client: Redis) -> None:
    TenantStore(redis_client).set_limits(TENANT, TenantLimits(tokens_per_minute=5))
    lease = room.claimed(*numbered(1))
    gathering = room.gathering(lease)

    room.feed(lease).feed(1)
    gathering.collect()
    gathering.write(at_once=True)

    [answer] = room.answers(lease, "errors")
    assert answer["response"]["status_code"] == 429


def test_what_has_ended_becomes_a_part_once_it_is_worth_one(room: RunRoom, worker: Worker) -> None:
    lease = room.claimed(*numbered(2))
    gathering = room.gathering(lease)
    room.feed(lease).feed(2)
    for job_id in room.lines(lease):
        worker.run(job_id)

    gathering.collect()
    gathering.collect()
    gathering.write()
    assert (gathering.held, gathering.told) == (2, 0)
    room.time += 1
    gathering.write()

    batch = room.batches.find(TENANT, lease.batch.id)
    assert (gathering.held, gathering.told, batch.completed, batch.failed) == (0, 2, 2, 0)
    assert (batch.usage.prompt_tokens, batch.usage.completion_tokens) == (6, 8)
    assert sorted(answer["custom_id"] for answer in room.answers(lease, "output")) == ["q-0", "q-1"]
    assert room.jobs.list(TENANT, batch=batch.id).jobs == []


def test_no_more_answers_are_held_than_a_part_has(room: RunRoom, worker: Worker) -> None:
    lease = room.claimed(*numbered(5))
    gathering = room.gathering(lease)
    room.feed(lease).feed(5)
    for job_id in room.lines(lease):
        worker.run(job_id, "x" * 1_500_000)

    assert gathering.collect()
    assert gathering.held == 3
    gathering.write()
    assert gathering.told == 3
    assert not gathering.collect()
    gathering.write(at_once=True)

    assert sorted(answer["custom_id"] for answer in room.answers(lease, "output")) == [f"q-{n}" for n in range(5)]


def test_answers_of_many_parts_are_brought_in_without_a_pause(room: RunRoom, worker: Worker) -> None:
    lease = room.claimed(*numbered(5))
    run = BatchRun(room.work, lease, closing=threading.Event())
    run._attempt()
    for job_id in room.lines(lease):
        worker.run(job_id, "x" * 4_200_000)

    assert run._attempt() is None

    batch = room.batches.find(TENANT, lease.batch.id)
    assert (batch.status, batch.completed, batch.output_parts) == (BatchStatus.COMPLETED, 5, 5)


def test_long_lines_that_had_no_turn_are_told_by_their_names(room: RunRoom) -> None:
    lines = [line[:1] + b" " * 900_000 + line[1:] for line in numbered(9)]
    lease = room.claimed(*lines)
    room.batches.cancel(TENANT, lease.batch.id)
    run = BatchRun(room.work, lease, closing=threading.Event())

    while run._attempt() is not None:
        pass

    answers = room.answers(lease, "errors")
    assert sorted(answer["custom_id"] for answer in answers) == [f"q-{n}" for n in range(9)]
    assert {answer["error"]["code"] for answer in answers} == {"batch_cancelled"}


def test_while_lines_are_to_come_those_that_have_ended_wait_for_them(room: RunRoom, worker: Worker) -> None:
    lease = room.claimed(*numbered(9))
    run = BatchRun(room.work, lease, closing=threading.Event())
    run._attempt()
    open_lines = room.lines(lease)
    assert len(open_lines) == 5, "the queue is full"
    for job_id in open_lines:
        worker.run(job_id)

    run._attempt()
    assert room.batches.find(TENANT, lease.batch.id).completed == 0
    room.time += 1
    run._attempt()

    assert room.batches.find(TENANT, lease.batch.id).completed == 5
    assert room.batches.find(TENANT, lease.batch.id).output_parts == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_storage_loses_nothing_and_doubles_nothing(room: RunRoom, worker: Worker, tmp_path: Path) -> None:
    lease = room.claimed(*numbered(3))
    feed = room.feed(lease)
    feed.feed(2)
    gathering = room.gathering(lease)
    for job_id in room.lines(lease):
        worker.run(job_id)
    gathering.collect()
    draft = tmp_path / "files" / "unfinished" / "draft"
    gathering.parts.storage = Storage(room.storage._location, new_token=lambda: "draft")

    draft.symlink_to("/dev/full")
    with pytest.raises(StorageFull):
        gathering.write(at_once=True)
    feed.feed(1)
    for job_id in room.lines(lease):
        worker.run(job_id)
    gathering.collect()
    gathering.write(at_once=True)

    assert gathering.told == 3
    assert sorted(answer["custom_id"] for answer in room.answers(lease, "output")) == ["q-0", "q-1", "q-2"]
    assert room.batches.finalize(lease)
    assert room.batches.end(lease, BatchStatus.COMPLETED)


def test_what_an_earlier_runner_has_told_and_not_erased_is_erased(room: RunRoom, worker: Worker) -> None:
    lease = room.claimed(*numbered(2))
    room.feed(lease).feed(2)
    first, second = room.lines(lease)
    worker.run(first)
    earlier = room.gathering(lease)
    earlier.collect()
    earlier.parts.put(earlier.gathered)  # and then it died
    worker.run(second)

    later = room.gathering(lease)
    later.forget()

    assert [job.id for job in room.jobs.list(TENANT, batch=lease.batch.id).jobs] == [second]


def test_a_runner_whose_lease_is_gone_adds_nothing(room: RunRoom, worker: Worker) -> None:
    lease = room.claimed(*numbered(1))
    room.feed(lease).feed(1)
    worker.run(room.lines(lease)[0])
    gathering = room.gathering(lease)
    gathering.collect()
    room.batches.release(lease)

    with pytest.raises(BatchLeaseLost):
        gathering.write(at_once=True)
    assert room.answers(lease, "output") == []
