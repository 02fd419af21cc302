"""What is committed: once, whole, and by the runner that has the batch."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
import redis

from jobs.batches.batch import BatchLease, BatchStatus, BatchUsage
from jobs.batches.errors import LinesLeft
from jobs.job import JobState, Outcome
from jobs.token_run import TokenRun
from tests.jobs.batches.conftest import TENANT, Desk

CANCELLED = Outcome(state=JobState.CANCELLED)


def test_a_commit_takes_its_lines_and_no_others(desk: Desk) -> None:
    lease = desk.begin()
    ids = desk.run(lease, 3)
    told = desk.ended(lease)[:2]
    usage = BatchUsage(prompt_tokens=4, completion_tokens=6, cached_tokens=1)
    parts = [desk.part(lease, 1), desk.part(lease, 1, "errors")]
    assert desk.batches.commit(lease, parts, taken=told, completed=1, failed=1, usage=usage)
    batch = desk.find(lease)
    assert (batch.completed, batch.failed, batch.usage) == (1, 1, usage)
    assert (batch.output_parts, batch.error_parts) == (1, 1)
    assert desk.ended(lease) == [job_id for job_id in sorted(ids) if job_id not in told]


def test_a_commit_that_is_repeated_changes_nothing(desk: Desk) -> None:
    lease = desk.begin()
    ids = desk.run(lease, 2)
    part = desk.part(lease, 2)
    for _ in range(3):
        assert desk.batches.commit(lease, [part], taken=ids, completed=2, failed=0)
    assert desk.find(lease).completed == 2
    assert desk.batches.parts(TENANT, lease.batch.id, "output") == [part]


def test_a_successor_tells_what_was_written_and_not_committed(desk: Desk) -> None:
    zombie = desk.begin()
    ids = desk.run(zombie, 2)
    written = desk.part(zombie, 2)
    second = desk.take_over(zombie)
    assert desk.ended(second) == sorted(ids)
    assert desk.commit(second, ids)
    assert not desk.batches.commit(zombie, [written], taken=ids, completed=2, failed=0)
    [part] = desk.batches.parts(TENANT, second.batch.id, "output")
    assert part.name != written.name
    assert desk.find(second).completed == 2


def test_a_commit_whose_answer_was_lost_is_found_by_the_successor(desk: Desk) -> None:
    lease = desk.begin()
    ids = desk.run(lease, 2)
    assert desk.commit(lease, ids)
    second = desk.take_over(lease)
    assert desk.ended(second) == []
    assert (second.batch.completed, second.batch.output_parts, second.batch.position) == (2, 1, 2)
    assert desk.batches.forget(second, ids) == 2


def test_lines_that_had_no_turn_are_told_with_the_position(desk: Desk) -> None:
    lease = desk.begin(lines=5)
    ids = desk.run(lease, 2)
    desk.batches.cancel(TENANT, lease.batch.id)
    assert desk.commit(lease, ids)
    errors = desk.part(lease, 3, "errors")
    for _ in range(2):
        assert desk.batches.commit(lease, [errors], completed=0, failed=3, position=5)
    batch = desk.find(lease)
    assert (batch.completed, batch.failed, batch.position) == (2, 3, 5)
    assert desk.batches.end(lease, BatchStatus.CANCELLED)


@pytest.mark.parametrize(
    ("told", "claimed", "position"),
    [(1, 2, None), (2, 1, None), (2, 2, 3), (2, 2, 1), (2, 3, 4), (2, 4, 99)],
)
def test_what_is_not_exactly_the_lines_that_it_says_is_refused(
    desk: Desk, told: int, claimed: int, position: int | None
) -> None:
    lease = desk.begin(lines=3)
    ids = desk.run(lease, 2)[:told]
    part = desk.part(lease, claimed)
    with pytest.raises(redis.ResponseError, match="not as many lines as it says"):
        desk.batches.commit(lease, [part], taken=ids, completed=claimed, failed=0, position=position)
    assert len(desk.ended(lease)) == 2
    assert desk.find(lease).output_parts == 0


def test_no_line_is_told_twice_or_before_its_end(desk: Desk) -> None:
    lease = desk.begin()
    told = desk.run(lease)
    assert desk.commit(lease, told)
    still_open = desk.submit(lease)
    for ids in (told, still_open, ["job_unknown"]):
        with pytest.raises(redis.ResponseError, match="is no line that has ended"):
            desk.commit(lease, ids)
    assert desk.find(lease).completed == 1


def test_no_line_is_told_twice_in_one_commit(desk: Desk) -> None:
    lease = desk.begin()
    first, second, _ = desk.run(lease, 3)
    with pytest.raises(redis.ResponseError, match="is told twice"):
        desk.commit(lease, [first, second, first])
    assert (desk.find(lease).completed, len(desk.ended(lease))) == (0, 3)


def test_lines_with_and_without_a_result_are_as_many_as_stand_in_the_parts_of_each(desk: Desk) -> None:
    lease = desk.begin()
    ids = desk.run(lease, 3)
    parts = [desk.part(lease, 2), desk.part(lease, 1, "errors")]
    with pytest.raises(redis.ResponseError, match="not as many lines as it says"):
        desk.batches.commit(lease, parts, taken=ids, completed=1, failed=2)
    assert desk.batches.commit(lease, parts, taken=ids, completed=2, failed=1)


def test_nothing_is_added_to_a_batch_that_is_finalized(desk: Desk) -> None:
    lease = desk.begin(lines=1)
    assert desk.commit(lease, desk.run(lease))
    assert desk.batches.finalize(lease)
    part = replace(desk.part(lease, 0), lines=0)
    assert not desk.batches.commit(lease, [part], completed=0, failed=0)


def test_parts_are_read_from_any_number_on(desk: Desk) -> None:
    lease = desk.begin(lines=4)
    for _ in range(4):
        assert desk.commit(lease, desk.run(lease))
    parts = desk.batches.parts(TENANT, lease.batch.id, "output")
    assert [part.number for part in parts] == [1, 2, 3, 4]
    assert desk.batches.parts(TENANT, lease.batch.id, "output", first=2, most=2) == parts[1:3]
    assert desk.batches.parts(TENANT, lease.batch.id, "output", first=5) == []
    assert desk.batches.parts(TENANT, lease.batch.id, "errors") == []
    assert desk.batches.parts("other", lease.batch.id, "output") == []


def test_lines_that_end_while_others_are_committed_are_neither_lost_nor_doubled(desk: Desk) -> None:
    """A worker finishes, clients cancel, and two runners that both think the batch theirs harvest meanwhile."""
    lines = 120
    zombie = desk.begin(lines=lines)
    lease = desk.take_over(zombie)
    ids = desk.submit(lease, lines)
    worked = []
    while batch := desk.claim_jobs():
        worked += batch
        for job in batch[::3]:
            desk.store.cancel(TENANT, job.job_id)
        for job in batch:
            desk.finish(job)
        harvest(desk, zombie)
    threads = [threading.Thread(target=harvest, args=(desk, one)) for one in (lease, zombie)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    batch_now = desk.find(lease)
    assert (batch_now.completed, desk.ended(lease)) == (lines, [])
    assert sum(part.lines for part in desk.batches.parts(TENANT, lease.batch.id, "output")) == lines
    assert {job.job_id for job in worked} == set(ids)
    assert {job.state for job in map(desk.job, ids)} <= {JobState.SUCCEEDED, JobState.CANCELLED}


def harvest(desk: Desk, lease: BatchLease) -> None:
    """Commit, seven at a time, until there is nothing or it is refused."""
    while told := desk.ended(lease)[:7]:
        if not desk.commit(lease, told):
            break


@pytest.mark.parametrize("when", ["new", "valid", "open", "running", "ended", "committed"])
def test_a_batch_may_be_cancelled_at_any_time_and_tells_every_line(desk: Desk, when: str) -> None:
    """What a runner does of a cancel: nothing starts, what runs is ended, and all of it is told."""
    lines = 3
    if when == "new":
        lease = desk.claim(desk.accept())
        lines = 0
    else:
        lease = desk.begin(lines=lines)
    if when in {"open", "running", "ended", "committed"}:
        desk.submit(lease, 2)
    running = desk.claim_jobs() if when in {"running", "ended", "committed"} else []
    if when in {"ended", "committed"}:
        desk.finish(running.pop())
    if when == "committed":
        assert desk.commit(lease, desk.ended(lease))
    assert desk.batches.cancel(TENANT, lease.batch.id).status == "cancelling"
    second = desk.take_over(lease)
    desk.store.sweep()
    for job_id in desk.batches.open_lines(second):
        desk.store.cancel(TENANT, job_id)
    for job in running:
        desk.store.finish(job, CANCELLED, tokens=TokenRun())
    assert desk.batches.open_lines(second) == []
    ended, position = desk.ended(second), desk.find(second).position
    if ended or position < lines:
        count = len(ended) + lines - position
        if count:
            with pytest.raises(LinesLeft):
                desk.batches.end(second, BatchStatus.CANCELLED)
        part = desk.part(second, count, "errors")
        assert desk.batches.commit(second, [part], taken=ended, completed=0, failed=count, position=lines)
    assert desk.batches.end(second, BatchStatus.CANCELLED)
    batch = desk.find(second)
    assert batch.completed + batch.failed == batch.total == lines


def test_a_waiting_line_costs_nothing_and_an_open_one_what_a_job_costs(desk: Desk) -> None:
    client: Any = desk.client

    def size() -> int:
        return sum(client.memory_usage(key, samples=0) for key in client.keys("frontier:t:*"))

    before = size()
    small, large = desk.begin(lines=2), desk.begin(lines=50_000)
    bytes_of_two = size() - before
    assert bytes_of_two < 2 * 1500
    desk.submit(small)
    start = size()
    desk.submit(large, 200)
    per_line = (size() - start) / 200
    own = [desk.line(large, 0, id=f"job_{number:022}", line=None) for number in range(200)]
    start = size()
    for new in own:
        desk.store.accept(new)
    assert per_line <= (size() - start) / 200 + 350


def test_a_part_costs_the_record_a_hundred_bytes(desk: Desk) -> None:
    client: Any = desk.client
    lease = desk.begin(lines=200, id=f"batch_{'x' * 22}")
    for _ in range(100):
        assert desk.commit(lease, desk.run(lease))
    bytes_of_all = sum(client.memory_usage(key, samples=0) for key in client.keys("frontier:t:*:parts:*"))
    assert bytes_of_all <= 100 * 100
