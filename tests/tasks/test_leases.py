from __future__ import annotations

import threading
from typing import Any

import pytest

from jobs.lease import Lease
from jobs.store import JobStore
from tasks.identity import Identity
from tasks.leases import LeaseKeeper
from tasks.presence import NameTaken
from tasks.running import RunningAttempt, RunningAttempts, StopReason
from tests.tasks.desk import MODEL, Desk

ME = Identity.of_this_process("w9")
DEAD = Identity("w9", ME.host, ME.pid, ME.started - 1000)
ELSEWHERE = Identity("w9", "another-host", 7, 1)


def keeper(
    desk: Desk, identity: Identity = ME, running: RunningAttempts | None = None, now: float = 0.0
) -> LeaseKeeper:
    running = running or RunningAttempts(lambda _: None)
    return LeaseKeeper(desk.store, running, identity=identity, model=MODEL, slots=4, clock=lambda: now)


def running_attempt(desk: Desk, **changes: Any) -> tuple[RunningAttempts, RunningAttempt]:
    job_id = desk.submit(**changes)
    lease = desk.store.claim(job_id, model=MODEL, worker="w9", claim_id="c", can_continue=True)
    assert isinstance(lease, Lease)
    running = RunningAttempts(lambda _: None)
    attempt = RunningAttempt(lease, claimed_at=0.0, clock=lambda: 0.0)
    running.add(attempt)
    return running, attempt


def test_a_worker_that_starts_under_a_dead_one_s_name_gives_its_jobs_back(make_desk: Any) -> None:
    desk = make_desk()
    dead = keeper(desk, DEAD)
    dead.join()
    dead.open()
    _, attempt = running_attempt(desk)
    assert keeper(desk).join() == 1
    assert desk.find(attempt.lease.job_id).state.value == "queued"


def test_a_worker_says_how_many_slots_of_its_model_are_for_interactive_jobs_alone(make_desk: Any) -> None:
    desk = make_desk()
    for reserved in (3, 0):
        running = RunningAttempts(lambda _: None)
        LeaseKeeper(
            desk.store, running, identity=ME, model=MODEL, slots=4, reserved_slots=reserved, clock=lambda: 0.0
        ).join()
        told = desk.store._client.get(desk.store.keys.model(MODEL, "reserved"))
        assert int(told or 0) == reserved


@pytest.mark.parametrize("namesake", [ELSEWHERE, Identity("w9", ME.host, ME.pid, ME.started)])
def test_a_name_whose_bearer_may_be_alive_is_refused(make_desk: Any, namesake: Identity) -> None:
    desk = make_desk()
    keeper(desk, namesake).join()
    other = Identity("w9", ME.host, ME.pid, ME.started - 1)
    with pytest.raises(NameTaken, match="FRONTIER_WORKER_NAME"):
        keeper(desk, other).join()


def test_a_worker_offers_no_slots_until_it_takes_messages(make_desk: Any) -> None:
    desk = make_desk()
    before = desk.store.queue(MODEL, "default")
    starting = keeper(desk)
    starting.join()
    starting.renew()
    assert desk.store.queue(MODEL, "default") == before
    starting.open()
    after = desk.store.queue(MODEL, "default")
    assert (after.workers, after.slots) == (before.workers + 1, before.slots + 4)


def test_a_lease_that_another_has_is_given_up(make_desk: Any) -> None:
    desk = make_desk()
    running, attempt = running_attempt(desk)
    desk.store.release(attempt.lease)
    keeper(desk, running=running).renew()
    assert attempt.stop_reason is StopReason.LEASE_LOST


def test_a_renewal_refused_at_the_run_limit_is_the_end_of_its_time_and_no_loss(make_desk: Any) -> None:
    desk = make_desk()
    running, attempt = running_attempt(desk, timeout_seconds=0)
    keeper(desk, running=running, now=attempt.run_until).renew()
    assert attempt.stop_reason is StopReason.OUT_OF_TIME


def test_a_worker_that_has_left_does_not_come_back_by_its_heartbeat(make_desk: Any) -> None:
    desk = make_desk()
    leaving = keeper(desk)
    leaving.join()
    leaving.open()
    before = desk.store.queue(MODEL, "default").workers
    leaving.leave()
    leaving.renew()
    assert desk.store.queue(MODEL, "default").workers == before - 1


class SlowStore(JobStore):
    """A store whose heartbeats take as long as the test likes."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()

    def heartbeat(self, *arguments: Any, **options: Any) -> str | None:
        self.has_begun.set()
        self.may_go_on.wait()
        return super().heartbeat(*arguments, **options)


def test_a_heartbeat_that_is_under_way_when_a_worker_leaves_does_not_bring_it_back(make_desk: Any) -> None:
    desk = make_desk()
    before = desk.store.queue(MODEL, "default").workers
    slow = SlowStore(desk.client)
    leaving = LeaseKeeper(slow, RunningAttempts(lambda _: None), identity=ME, model=MODEL, slots=4, clock=lambda: 0.0)
    beating, going = threading.Thread(target=leaving.renew), threading.Thread(target=leaving.leave)
    beating.start()
    slow.has_begun.wait()
    going.start()
    going.join(timeout=0.5)  # it would be over by then, did it not wait for the heartbeat
    slow.may_go_on.set()
    beating.join()
    going.join()
    assert desk.store.queue(MODEL, "default").workers == before
