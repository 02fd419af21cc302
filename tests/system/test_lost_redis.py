"""Redis that dies, hangs, drops everybody or is full: what was answered is kept, and nothing needs a restart."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from random import Random

import pytest

from jobs.job import JobState
from tests.system.books import Books, nothing_was_counted
from tests.system.fleet import LEASE_SECONDS, MODEL, PATIENCE_SECONDS, TENANT, Fleet
from tests.system.history import History
from tests.system.worker_process import wait_for

SOCKET_TIMEOUT_SECONDS = 5.0
TRIES = 2
"""What `jobs.connection.connect` gives a call before it says that Redis is away."""


@pytest.fixture(autouse=True)
def nobody_dies(fleet: Fleet) -> Iterator[None]:
    """Of all that Redis does to them, no process may die."""
    pids = [process.pid for process in fleet.processes]
    yield
    assert [process.pid for process in fleet.processes] == pids


@pytest.mark.long
def test_a_redis_killed_while_nothing_happens_is_found_again(fleet: Fleet, history: History, books: Books) -> None:
    with fleet.redis_away():
        pass
    history.submit(10)
    books.close()


def test_a_redis_killed_under_load_has_lost_nothing_that_was_answered(
    fleet: Fleet, history: History, books: Books, random: Random
) -> None:
    history.submit(random.randint(10, 20))
    with history.submitting(random.randint(20, 40)):
        books.wait_until_emitted(random.randint(1, 8))
        with fleet.redis_away():
            pass
    assert nothing_was_counted(books.close())


@pytest.mark.long
def test_a_redis_killed_three_times_in_two_seconds_has_lost_nothing_that_was_answered(
    fleet: Fleet, history: History, books: Books, random: Random
) -> None:
    history.submit(random.randint(10, 20))
    with history.submitting(random.randint(20, 40)):
        books.wait_until_emitted(random.randint(1, 8))
        for _ in range(3):
            with fleet.redis_away(random.uniform(0.0, 0.3)):
                pass
            time.sleep(random.uniform(0.0, 0.6))
    assert nothing_was_counted(books.close())


@pytest.mark.long
def test_everybody_connects_again_after_all_connections_are_cut(
    fleet: Fleet, history: History, books: Books, random: Random
) -> None:
    history.submit(random.randint(10, 20))
    with history.submitting(random.randint(20, 40)):
        books.wait_until_emitted(random.randint(1, 8))
        for _ in range(random.randint(1, 4)):
            fleet.cut_connections()
            time.sleep(random.uniform(0.0, 0.6))
    assert nothing_was_counted(books.close())


@pytest.mark.long
def test_a_redis_that_hangs_past_the_socket_timeout_is_an_outage_and_no_more(
    fleet: Fleet, history: History, books: Books, random: Random
) -> None:
    outages = outages_noticed(fleet)
    history.submit(random.randint(10, 20))
    with history.submitting(random.randint(20, 40)):
        books.wait_until_emitted(random.randint(1, 8))
        os.kill(fleet.redis.pid, signal.SIGSTOP)
        time.sleep(TRIES * SOCKET_TIMEOUT_SECONDS + random.uniform(1.0, 3.0))
        os.kill(fleet.redis.pid, signal.SIGCONT)
    assert nothing_was_counted(books.close())
    assert outages_noticed(fleet) > outages


def outages_noticed(fleet: Fleet) -> int:
    """How often a worker has found that Redis does not answer."""
    return sum(1 for worker in fleet.workers for _ in worker.events("redis_is_away"))


@pytest.mark.long
def test_an_outage_longer_than_a_lease_costs_no_attempt(
    fleet: Fleet, history: History, books: Books, random: Random
) -> None:
    history.submit(random.randint(6, 30), seconds=(2.0, 9.0))
    books.wait_until_emitted(random.randint(1, 6))
    with fleet.redis_away(random.uniform(2, 4) * LEASE_SECONDS):
        pass
    assert nothing_was_counted(books.close())


@pytest.mark.long
@pytest.mark.parametrize("share", [0.9, 1.15], ids=["without any room", "above the ceiling"])
def test_a_full_redis_is_told_to_clients_and_lets_running_work_end(
    fleet: Fleet, history: History, books: Books, random: Random, share: float
) -> None:
    history.submit(random.randint(25, 40))
    books.wait_until_emitted(random.randint(1, 8))
    with fleet.redis_full(share):
        wait_for(lambda: has_told_that_it_is_full(history), PATIENCE_SECONDS)
        running = [job for job in books.jobs() if job.state is JobState.RUNNING]
        wait_for(lambda: all(fleet.store.find(TENANT, job.id).is_final for job in running), PATIENCE_SECONDS)
    wait_for(lambda: history.try_to_submit() is None, PATIENCE_SECONDS)
    history.submit(random.randint(5, 10))
    assert nothing_was_counted(books.close())


@pytest.mark.long
def test_workers_outlive_messages_that_come_while_redis_has_no_room(
    fleet: Fleet, history: History, books: Books, random: Random
) -> None:
    for worker in fleet.workers:
        worker.send(signal.SIGSTOP)
    history.submit(random.randint(4, 10))
    assert fleet.client.llen(f"frontier.{MODEL}") > 0
    with fleet.redis_full(0.9):
        for worker in fleet.workers:
            worker.send(signal.SIGCONT)
        wait_for(lambda: fleet.client.llen(f"frontier.{MODEL}") == 0, PATIENCE_SECONDS)
    assert nothing_was_counted(books.close())


def has_told_that_it_is_full(history: History) -> bool:
    refusal = history.try_to_submit()
    return refusal is not None and (refusal.status, refusal.type) == (503, "/problems/storage-full")
