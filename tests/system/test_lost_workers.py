"""Workers that die: what they had in hand does not die with them."""

from __future__ import annotations

import operator
import os
import signal
import time
from random import Random

import pytest

from jobs.job import JobState
from tasks.watchdog import EXIT_STUCK
from tests.system.books import Books, nothing_was_counted
from tests.system.fleet import HANG, PATIENCE_SECONDS, TENANT, Fleet
from tests.system.history import History, Promise
from tests.system.kept_process import KeptProcess
from tests.system.worker_process import wait_for

FAILPOINTS = (
    pytest.param("worker.after_message", marks=pytest.mark.long),
    pytest.param("worker.after_claim", marks=pytest.mark.long),
    pytest.param("worker.before_finish"),
    pytest.param("worker.after_finish", marks=pytest.mark.long),
)


def test_the_jobs_of_a_killed_worker_go_on_where_they_were(
    fleet: Fleet, history: History, books: Books, random: Random
) -> None:
    victim = random.choice(fleet.workers)
    history.submit(random.randint(30, 40), seconds=(1.0, 2.0))
    books.wait_until_emitted(random.randint(1, 12))
    wait_for(lambda: len(emitted_on(victim, books)) > 0, PATIENCE_SECONDS)
    victim.send(signal.SIGKILL)
    emitted = emitted_on(victim, books)
    jobs = books.close()
    assert victim.exit_codes[-1] == -signal.SIGKILL
    assert any(job.attempt == 2 for job in jobs if job.id in emitted)
    assert {job.usage.wasted_tokens for job in jobs} == {0}


def emitted_on(worker: KeptProcess, books: Books) -> set[str]:
    """Jobs that run on a worker and have tokens to go on from."""
    running = [job for job in books.jobs() if job.state is JobState.RUNNING and job.worker == worker.name]
    return {job.id for job in running if job.emitted_tokens > 0}


@pytest.mark.long
def test_jobs_outlive_the_kill_of_all_workers(fleet: Fleet, history: History, books: Books, random: Random) -> None:
    history.submit(random.randint(20, 40))
    books.wait_until_emitted(random.randint(1, 12))
    for worker in fleet.workers:
        worker.send(signal.SIGKILL)
    books.close()
    assert [worker.exit_codes[-1] for worker in fleet.workers] == [-signal.SIGKILL, -signal.SIGKILL]


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_a_worker_may_die_at_any_step_of_an_attempt(
    fleet: Fleet, history: History, books: Books, random: Random, failpoint: str
) -> None:
    victim = random.choice(fleet.workers)
    fleet.restart(victim, FRONTIER_FAILPOINTS=f"{failpoint}=kill@{random.randint(1, 4)}")
    lives = len(victim.exit_codes)
    history.submit(random.randint(25, 40))
    books.close()
    assert victim.exit_codes[lives:] == [-signal.SIGKILL]


def test_workers_told_to_stop_under_load_count_nothing(
    fleet: Fleet, history: History, books: Books, random: Random
) -> None:
    history.submit(random.randint(20, 30), seconds=(0.8, 2.0))
    books.wait_until_emitted(random.randint(1, 12))
    lives = [lives_of(worker) for worker in fleet.workers]
    for worker in fleet.workers:
        worker.send(signal.SIGTERM)
    assert nothing_was_counted(books.close())
    wait_for(lambda: all(map(operator.lt, lives, map(lives_of, fleet.workers))), PATIENCE_SECONDS)
    assert [worker.exit_codes[-1] for worker in fleet.workers] == [os.EX_OK, os.EX_OK]


def lives_of(worker: KeptProcess) -> int:
    """How many lives it has had that are over."""
    return len(worker.exit_codes)


@pytest.mark.long
def test_a_job_that_hangs_the_engine_fails_alone(fleet: Fleet, history: History, books: Books, random: Random) -> None:
    lives = [len(worker.exit_codes) for worker in fleet.workers]
    history.submit(random.randint(2, 5))
    hung = history.submit(1, say=HANG)
    history.submit(random.randint(2, 5))
    books.close(failed=hung)
    deaths = [code for worker, before in zip(fleet.workers, lives, strict=True) for code in worker.exit_codes[before:]]
    assert deaths == [EXIT_STUCK] * 3


@pytest.mark.long
def test_of_32_jobs_the_one_that_kills_its_workers_fails_alone(
    fleet: Fleet, history: History, books: Books, random: Random
) -> None:
    before = history.submit(random.randint(0, 31))
    [poison] = history.submit(1, seconds=(10.0, 10.0))
    history.submit(31 - len(before))
    kill_whoever_runs(poison, fleet, random)
    books.close(failed=[poison])


def kill_whoever_runs(poison: Promise, fleet: Fleet, random: Random) -> None:
    """Be what is wrong with a job: at every attempt its worker dies."""
    claims: set[float | None] = set()

    def kill() -> bool:
        job = fleet.store.find(TENANT, poison.job_id)
        if job.state is JobState.RUNNING and job.claimed_at not in claims:
            claims.add(job.claimed_at)
            time.sleep(random.uniform(0.0, 0.5))
            fleet.worker_of(job).send(signal.SIGKILL)
        return job.is_final

    wait_for(kill, PATIENCE_SECONDS, tell=fleet.words)
