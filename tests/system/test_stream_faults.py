"""Readers of token streams, and whatever is between them and the tokens dies: each token comes once, in order."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from random import Random

import psutil
import pytest

from jobs.job import JobState
from tests.system.books import Books, nothing_was_counted
from tests.system.fleet import PATIENCE_SECONDS, Fleet
from tests.system.history import History, Promise
from tests.system.readers import Readers, some_cuts
from tests.system.worker_process import wait_for

CUTS = 20
BYTES_TO_A_CUT = 3000


def test_a_reader_cut_off_twenty_times_misses_and_repeats_nothing(
    history: History, books: Books, readers: Readers, random: Random
) -> None:
    promises = history.submit(2, seconds=(3.0, 4.0))
    for promise in promises:
        readers.begin(promise.job_id, cuts=some_cuts(random, CUTS, BYTES_TO_A_CUT))
    readers.check(promises)
    assert [reader.times_cut for reader in readers.ended()] == [CUTS, CUTS]
    books.close()


@pytest.mark.long
def test_many_readers_of_many_jobs_are_cut_off_without_loss(
    history: History, books: Books, readers: Readers, random: Random
) -> None:
    promises = history.submit(20, seconds=(1.0, 6.0))
    for promise in random.choices(promises, k=60):
        readers.begin(promise.job_id, cuts=some_cuts(random, random.randint(1, 40), random.randint(100, 4000)))
    readers.check(promises)
    assert nothing_was_counted(books.close())


@pytest.mark.parametrize(
    "is_whole", [False, pytest.param(True, marks=pytest.mark.long)], ids=["one process", "the whole"]
)
def test_readers_of_a_killed_api_go_on_at_the_next(
    fleet: Fleet, history: History, books: Books, readers: Readers, random: Random, *, is_whole: bool
) -> None:
    promises = history.submit(3, seconds=(2.0, 3.0))
    read(promises, readers, random)
    if is_whole:
        fleet.api.send(signal.SIGKILL)
    else:
        [process] = psutil.Process(fleet.api.pid).children()
        process.kill()
    readers.check(promises)
    assert any(reader.times_cut for reader in readers.ended())
    assert nothing_was_counted(books.close())


def test_readers_of_a_killed_worker_s_jobs_see_one_stream(
    fleet: Fleet, history: History, books: Books, readers: Readers, random: Random
) -> None:
    promises = history.submit(random.randint(3, 8), seconds=(2.0, 3.0))
    read(promises, readers, random)
    running = [job for job in books.jobs() if job.state is JobState.RUNNING]
    fleet.worker_of(random.choice(running)).send(signal.SIGKILL)
    readers.check(promises)
    assert {reader.times_cut for reader in readers.ended()} == {0}
    jobs = books.close()
    assert 2 in {job.attempt for job in jobs}
    assert {job.usage.wasted_tokens for job in jobs} == {0}


@pytest.mark.long
def test_readers_see_one_stream_over_two_deaths_of_all_workers(
    fleet: Fleet, history: History, books: Books, readers: Readers, random: Random
) -> None:
    promises = history.submit(8, seconds=(6.0, 9.0))
    for tokens in (random.randint(5, 100), random.randint(200, 400)):
        read(promises, readers, random)
        readers.wait_until_read(tokens)
        for worker in fleet.workers:
            worker.send(signal.SIGKILL)
        wait_for(lambda: not any(job.state is JobState.RUNNING for job in books.jobs()), PATIENCE_SECONDS)
    readers.check(promises)
    assert {job.attempt for job in books.close()} == {3}


def test_readers_wait_for_a_redis_that_is_killed_and_nobody_hangs_up(
    fleet: Fleet, history: History, books: Books, readers: Readers, random: Random
) -> None:
    promises = history.submit(random.randint(3, 8), seconds=(2.0, 3.0))
    read(promises, readers, random)
    with fleet.redis_away(random.uniform(0.0, 1.0)):
        pass
    readers.check(promises)
    assert {reader.times_cut for reader in readers.ended()} == {0}
    assert nothing_was_counted(books.close())


@pytest.mark.long
def test_readers_outlast_a_redis_that_dies_again_and_again_or_hangs(
    fleet: Fleet, history: History, books: Books, readers: Readers, random: Random
) -> None:
    promises = history.submit(8, seconds=(6.0, 9.0))
    read(promises, readers, random)
    for _ in range(3):
        with fleet.redis_away(random.uniform(0.0, 2.0)):
            pass
        time.sleep(random.uniform(0.0, 1.0))
    fleet.cut_connections()
    os.kill(fleet.redis.pid, signal.SIGSTOP)
    time.sleep(random.uniform(8.0, 14.0))
    os.kill(fleet.redis.pid, signal.SIGCONT)
    readers.check(promises)
    assert nothing_was_counted(books.close())


@pytest.mark.long
def test_a_stream_is_told_again_after_everything_was_started_anew(
    fleet: Fleet, history: History, books: Books, readers: Readers, random: Random
) -> None:
    promises = history.submit(6)
    read(promises, readers, random)
    readers.check(promises)
    for process in fleet.processes:
        process.send(signal.SIGKILL)
    with fleet.redis_away():
        pass
    fleet.wait_until_whole()
    readers.check(promises)
    books.close()


def read(promises: Sequence[Promise], readers: Readers, random: Random) -> None:
    """Have each job read by one or two, until all have begun to."""
    for promise in promises:
        for _ in range(random.randint(1, 2)):
            readers.begin(promise.job_id)
    readers.wait_until_read(random.randint(1, 50))
