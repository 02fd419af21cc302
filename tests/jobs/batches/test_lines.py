"""Lines are jobs: accepted once and in order, counted as their tenant's, listed with their batch alone."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.batches.batch import BatchStatus
from jobs.errors import BatchLeaseLost, BatchStopped, JobNotFinal, JobNotFound, LineInUse, QueueFull, QuotaExceeded
from jobs.job import AttemptError, JobState, Outcome, Priority
from jobs.new_job import KnownResult, Reuse
from jobs.tenant_limits import TenantLimits
from jobs.tenants import TenantStore
from jobs.token_run import TokenRun
from tests.jobs.batches.conftest import DONE, MODEL, TENANT, Desk

FAILED = Outcome(state=JobState.FAILED, error=AttemptError(code="x", message="y"))


def test_a_line_is_a_job_that_only_its_batch_lists(desk: Desk) -> None:
    lease, other = desk.begin(), desk.begin()
    [job_id] = desk.submit(lease)
    desk.submit(other)
    desk.store.accept(desk.line(lease, 0, id="job_own", line=None))
    assert [job.id for job in desk.store.list(TENANT).jobs] == ["job_own"]
    [listed] = desk.store.list(TENANT, batch=lease.batch.id).jobs
    assert listed == desk.job(job_id)
    assert listed.batch_id == lease.batch.id
    assert desk.store.list(TENANT, batch=lease.batch.id, state=JobState.RUNNING).jobs == []
    assert desk.store.list("other", batch=lease.batch.id).jobs == []


def test_lines_are_accepted_once_each_whatever_became_of_them(desk: Desk) -> None:
    lease = desk.begin()
    ids = desk.run(lease, 2)
    assert desk.commit(lease, ids)
    assert desk.batches.forget(lease, ids) == 2
    second = desk.take_over(lease)
    again = [desk.store.accept(desk.line(second, position)) for position in (0, 1)]
    assert [accepted.replayed for accepted in again] == [True, True]
    assert desk.batches.open_lines(second) == []
    with pytest.raises(JobNotFound):
        desk.job(ids[0])


def test_no_line_is_left_out(desk: Desk) -> None:
    lease = desk.begin()
    with pytest.raises(ValueError, match="has its turn before this one"):
        desk.store.accept(desk.line(lease, 1))
    assert desk.batches.open_lines(lease) == []


def test_behind_a_line_that_is_refused_none_of_those_sent_with_it_is_accepted(desk: Desk) -> None:
    lease = desk.begin()
    lines = [desk.line(lease, position) for position in range(3)]
    taken = desk.store.accept_lines(lines, max_waiting=2)
    assert [one.job_id for one in taken] == desk.batches.open_lines(lease) == [line.id for line in lines[:2]]
    assert desk.find(lease).position == 2
    with pytest.raises(QueueFull):
        desk.store.accept_lines(lines[2:], max_waiting=2)
    again = desk.store.accept_lines(lines, max_waiting=3)
    assert [one.replayed for one in again] == [True, True, False]


def test_of_lines_whose_batch_is_somebody_else_s_none_is_accepted(desk: Desk) -> None:
    lease = desk.begin()
    desk.take_over(lease)
    with pytest.raises(BatchLeaseLost):
        desk.store.accept_lines([desk.line(lease, position) for position in range(3)])
    assert desk.find(lease).position == 0


def test_a_line_that_is_refused_keeps_its_turn(desk: Desk) -> None:
    lease = desk.begin()
    with pytest.raises(QueueFull):
        desk.store.accept(desk.line(lease, 0), max_waiting=0)
    assert desk.find(lease).position == 0
    assert len(desk.submit(lease)) == 1


def test_open_lines_are_told_in_accept_order_whether_they_run_or_not(desk: Desk) -> None:
    lease = desk.begin()
    ids = desk.submit(lease, 3)
    desk.store.heartbeat("w1", model=MODEL, slots=1, instance="w1#1")
    first = desk.store.dispatch(MODEL)[-1]
    desk.store.claim(first, model=MODEL, worker="w1", claim_id="c", can_continue=True)
    assert desk.job(first).state is JobState.RUNNING
    assert desk.batches.open_lines(lease) == ids


def test_the_end_of_a_line_is_told_to_its_runner_and_to_nobody_else(desk: Desk) -> None:
    lease = desk.begin(lines=4)
    client: Any = desk.client
    with client.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(desk.batches.channel)
        ids = desk.submit(lease, 4)
        desk.store.cancel(TENANT, ids[0])
        worked = desk.claim_jobs()
        desk.finish(worked[0])
        desk.finish(worked[1], FAILED)
        heard: list[str] = []
        while len(heard) < 3:
            message = listener.get_message(timeout=10)
            if message:
                heard.append(message["data"].decode())
    assert heard == [f"default/{lease.batch.id}"] * 3
    assert sorted(desk.ended(lease)) == sorted(ids[:3])
    assert desk.batches.open_lines(lease) == ids[3:]
    assert desk.events.after(TENANT, None).events == []


def test_a_line_that_gives_up_or_is_lost_is_no_dead_letter(desk: Desk) -> None:
    lease = desk.begin()
    ids = desk.submit(lease, 2, max_attempts=1)
    gave_up, lost = desk.claim_jobs()
    desk.store.finish(gave_up, FAILED, tokens=TokenRun(), retry_after_seconds=1)
    for _ in range(3):
        desk.store.rescue_worker("w1")
        desk.claim_jobs()
    assert [desk.job(job_id).state for job_id in ids] == [JobState.FAILED] * 2
    assert lost.job_id in desk.ended(lease)
    assert desk.store.dead_letters(TENANT).jobs == []


def test_lines_count_as_their_tenant_s_open_jobs(desk: Desk) -> None:
    TenantStore(desk.client).set_limits(TENANT, TenantLimits(concurrent_jobs=3))
    lease = desk.begin()
    desk.submit(lease, 2)
    desk.store.accept(desk.line(lease, 0, id="job_first", line=None))
    with pytest.raises(QuotaExceeded) as refused:
        desk.store.accept(desk.line(lease, 0, id="job_own", line=None))
    assert (refused.value.policy, refused.value.used) == ("concurrent_jobs", 3)
    for running in desk.claim_jobs()[:2]:
        with pytest.raises(QuotaExceeded):
            desk.submit(lease)
        desk.finish(running)
    assert len(desk.submit(lease)) == 1


@pytest.mark.parametrize(("limit", "lines"), [(1, 1), (2, 1), (3, 2), (8, 6)])
def test_lines_leave_a_quarter_of_their_tenant_s_limit_to_its_other_jobs(desk: Desk, limit: int, lines: int) -> None:
    TenantStore(desk.client).set_limits(TENANT, TenantLimits(concurrent_jobs=limit))
    lease = desk.begin(lines=9)
    desk.submit(lease, lines)
    with pytest.raises(QuotaExceeded) as refused:
        desk.submit(lease)
    assert (refused.value.limit, refused.value.used) == (lines, lines)
    for number in range(limit - lines):
        desk.store.accept(desk.line(lease, 0, id=f"job_{number}", line=None))
    with pytest.raises(QuotaExceeded) as refused:
        desk.store.accept(desk.line(lease, 0, id="job_more", line=None))
    assert (refused.value.limit, refused.value.used) == (limit, limit)


def test_a_line_that_is_requeued_is_a_job_of_its_tenant_s_own(desk: Desk) -> None:
    """It finds the room that lines leave to others, and its batch knows nothing of it."""
    TenantStore(desk.client).set_limits(TENANT, TenantLimits(concurrent_jobs=3))
    lease = desk.begin(lines=9)
    [ended] = desk.submit(lease)
    desk.store.cancel(TENANT, ended)
    ids = desk.submit(lease, 2)

    desk.store.requeue(TENANT, ended, new_id="job_again")

    assert desk.job("job_again").batch_id is None
    assert (desk.batches.open_lines(lease), desk.ended(lease)) == (ids, [ended])
    with pytest.raises(QuotaExceeded) as refused:
        desk.store.accept(desk.line(lease, 0, id="job_more", line=None))
    assert (refused.value.limit, refused.value.used) == (3, 3)


@pytest.mark.parametrize("is_own", [True, False], ids=["waiting_jobs", "max_waiting_per_tenant"])
def test_lines_leave_a_quarter_of_a_queue_s_room_to_their_tenant_s_other_jobs(desk: Desk, *, is_own: bool) -> None:
    if is_own:
        TenantStore(desk.client).set_limits(TENANT, TenantLimits(waiting_jobs=4))
    bound = None if is_own else 4
    lease = desk.begin(lines=9)
    lines = [desk.line(lease, position) for position in range(5)]
    assert len(desk.store.accept_lines(lines, max_waiting_per_tenant=bound)) == 3
    with pytest.raises(QueueFull):
        desk.store.accept(lines[3], max_waiting_per_tenant=bound)
    desk.store.accept(desk.line(lease, 0, id="job_own", line=None), max_waiting_per_tenant=bound)


def test_who_runs_a_line_runs_something(desk: Desk) -> None:
    lease = desk.begin()
    own = desk.line(lease, 0, id="job_own", line=None, priority=Priority.INTERACTIVE)
    desk.submit(lease)
    desk.claim_jobs()
    desk.store.accept(own)
    assert [job.goes_first for job in desk.claim_jobs()] == [False]


def test_the_room_among_a_tenant_s_jobs_is_told_by_its_lines(desk: Desk) -> None:
    TenantStore(desk.client).set_limits(TENANT, TenantLimits(concurrent_jobs=1))
    lease = desk.begin()
    desk.submit(lease)
    [running] = desk.claim_jobs()
    desk.wait(2)
    desk.finish(running)
    desk.submit(lease)
    desk.claim_jobs()
    with pytest.raises(QuotaExceeded) as refused:
        desk.submit(lease)
    assert refused.value.retry_after_seconds is not None


def test_a_mass_cancel_leaves_lines_to_their_batch(desk: Desk) -> None:
    lease = desk.begin()
    [job_id] = desk.submit(lease, metadata={"run": "7"})
    assert desk.store.cancel_matching(TENANT, metadata={"run": "7"}).cancelled == []
    assert desk.job(job_id).state is JobState.QUEUED


def test_a_line_is_used_and_paid_for_as_any_job(desk: Desk) -> None:
    lease = desk.begin()
    desk.run(lease, 2)
    day = int(desk.now // 86_400)
    [[_, used]] = desk.client.hgetall(f"frontier:t:{TENANT}:usage:{day}").items()
    assert used.split()[:3] == [b"2", b"4", b"6"]


def test_a_line_whose_result_is_known_ends_with_its_accept_and_waits_for_its_runner(desk: Desk) -> None:
    lease = desk.begin()
    known = KnownResult(outcome=DONE, tokens=TokenRun(ids=(1,), pieces=("upon",)))
    [job_id] = desk.submit(lease, reuse=Reuse(digest="d", known=known))
    assert desk.job(job_id).is_cached
    assert desk.ended(lease) == [job_id]
    assert desk.events.after(TENANT, None).events == []


def test_equal_lines_share_a_run_with_each_other_and_with_jobs(desk: Desk) -> None:
    lease, other = desk.begin(), desk.begin()
    ids = desk.submit(lease, 2, run_digest="d")
    [of_other] = desk.submit(other, run_digest="d")
    desk.store.accept(desk.line(lease, 0, id="job_own", line=None, run_digest="d"))
    [running] = desk.claim_jobs()
    assert running.job_id == ids[0]
    assert [job.follows for job in map(desk.job, [ids[1], of_other, "job_own"])] == [ids[0]] * 3
    desk.finish(running)
    assert desk.ended(lease) == sorted(ids)
    assert desk.ended(other) == [of_other]
    assert [(event.subject, event.type) for event in desk.events.after(TENANT, None).events] == [
        ("job_own", "job.succeeded")
    ]


def test_a_line_leads_on_where_its_leader_was_cancelled(desk: Desk) -> None:
    lease = desk.begin()
    desk.store.accept(desk.line(lease, 0, id="job_own", line=None, run_digest="d"))
    ids = desk.submit(lease, 2, run_digest="d")
    desk.store.cancel(TENANT, "job_own")
    [running] = desk.claim_jobs()
    desk.finish(running)
    assert running.job_id == ids[0]
    assert desk.ended(lease) == sorted(ids)


def test_a_line_is_erased_by_its_runner_and_by_clients_only_once_its_batch_has_ended(desk: Desk) -> None:
    lease = desk.begin(lines=2)
    ids = desk.submit(lease, 2)
    with pytest.raises(JobNotFinal):
        desk.store.erase(TENANT, ids[0])
    for job in desk.claim_jobs():
        desk.finish(job)
    with pytest.raises(LineInUse):
        desk.store.erase(TENANT, ids[0])
    assert desk.batches.forget(lease, ids) == 0
    assert desk.commit(lease, ids)
    assert desk.batches.finalize(lease)
    assert desk.batches.end(lease, BatchStatus.COMPLETED)
    desk.store.erase(TENANT, ids[0])
    assert desk.batches.forget(lease, ids) == 1
    assert desk.store.list(TENANT, batch=lease.batch.id).jobs == []


def test_a_line_outlives_its_retention_until_it_is_committed(desk: Desk) -> None:
    lease = desk.begin()
    ids = desk.run(lease, 2)
    desk.wait(101)
    desk.store.sweep()
    assert [desk.job(job_id).state for job_id in ids] == [JobState.SUCCEEDED] * 2
    desk.batches.renew([lease])
    assert desk.commit(lease, ids[:1])
    desk.wait(3600)
    desk.store.sweep()
    with pytest.raises(JobNotFound):
        desk.job(ids[0])
    assert desk.job(ids[1]).text == DONE.text


def test_a_batch_that_is_cancelled_or_late_runs_no_more_lines(desk: Desk) -> None:
    cancelled, late = desk.begin(), desk.begin(window_seconds=5)
    desk.batches.cancel(TENANT, cancelled.batch.id)
    desk.wait(5)
    for lease in (cancelled, late):
        with pytest.raises(BatchStopped):
            desk.submit(lease)
        assert not desk.batches.pass_over(lease, position=0, job_id="job_x", why=b"too long")
        assert desk.find(lease).position == 0


def test_a_line_that_can_be_no_job_ends_with_what_is_known_of_it(desk: Desk) -> None:
    lease = desk.begin()
    for _ in range(2):
        assert desk.batches.pass_over(lease, position=0, job_id="job_x", why=b"too long")
    [line] = desk.batches.ended(lease, 10)
    assert (line.job_id, line.why) == ("job_x", b"too long")
    [job_id] = desk.run(lease)
    assert {line.job_id: line.why for line in desk.batches.ended(lease, 10)} == {"job_x": b"too long", job_id: None}
    assert desk.find(lease).position == 2


def test_lines_are_left_alone_by_a_release_that_knows_none_whoever_leads(desk: Desk) -> None:
    lease = desk.begin()
    leader, follower, heir = desk.submit(lease, 3, run_digest="d")
    client: Any = desk.client

    def schemas() -> list[Any]:
        return [client.hget(f"frontier:t:{TENANT}:job:{job_id}", "schema") for job_id in (leader, follower, heir)]

    assert schemas() == [b"3", b"3", b"3"]
    desk.store.cancel(TENANT, follower)
    desk.store.cancel(TENANT, leader)
    assert desk.job(heir).follows is None
    assert schemas() == [b"3", b"3", b"3"]


def test_a_requeue_of_a_line_is_a_job_of_its_own(desk: Desk) -> None:
    lease = desk.begin()
    [job_id] = desk.submit(lease)
    desk.store.cancel(TENANT, job_id)
    desk.store.requeue(TENANT, job_id, new_id="job_again")
    assert desk.job("job_again").batch_id is None
    assert [job.id for job in desk.store.list(TENANT).jobs] == ["job_again"]
    assert desk.ended(lease) == [job_id]
