from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from api.long_poll import LongPoll
from api.process import ApiProcess
from api.waiting import Waiting
from api.wakeups import Wakeups, subscriber_pool
from jobs.job import Job, JobState
from jobs.store import JobStore
from tests.api.conftest import Api, Worker
from tests.redis_process import RedisProcess

NEVER = 3600.0


@pytest.fixture
def wakeups(redis_url: str) -> Iterator[Wakeups]:
    wakeups = Wakeups(subscriber_pool(redis_url))
    yield wakeups
    wakeups.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64) as pool:
        yield pool


class Waiters:
    """Starts waits that only a wake-up can end, and tells when they have looked for the first time."""

    def __init__(self, store: JobStore, wakeups: Wakeups, pool: ThreadPoolExecutor) -> None:
        poll = LongPoll(wakeups=wakeups, clock=lambda: 0.0, reread_seconds=NEVER)
        self._waiting = Waiting(store=store, poll=poll)
        self._pool = pool

    def start(self, job_id: str, *, for_version_after: int | None = None) -> Future[Job]:
        has_looked = threading.Event()

        def is_enough(job: Job) -> bool:
            has_looked.set()
            return job.is_final if for_version_after is None else job.version > for_version_after

        future = self._pool.submit(self._waiting.find, "default", job_id, seconds=NEVER, is_enough=is_enough)
        assert has_looked.wait(20)
        return future


@pytest.fixture
def waiters(store: JobStore, wakeups: Wakeups, pool: ThreadPoolExecutor) -> Waiters:
    return Waiters(store, wakeups, pool)


def test_a_waiter_is_woken_when_its_job_is_final(api: Api, worker: Worker, waiters: Waiters) -> None:
    job_id = api.submit()
    waiter = waiters.start(job_id)

    worker.run(job_id)

    assert waiter.result(20).state is JobState.SUCCEEDED


def test_every_waiter_of_a_job_is_woken(api: Api, worker: Worker, waiters: Waiters) -> None:
    ids = [api.submit() for _ in range(3)]
    started = [waiters.start(job_id) for job_id in ids for _ in range(10)]

    for job_id in ids:
        worker.run(job_id)

    assert {waiter.result(20).state for waiter in started} == {JobState.SUCCEEDED}


def test_a_waiter_for_another_version_is_woken_by_every_change(api: Api, worker: Worker, waiters: Waiters) -> None:
    job_id = api.submit()
    waiter = waiters.start(job_id, for_version_after=1)

    worker.claim(job_id)

    assert waiter.result(20).state is JobState.RUNNING


def test_a_change_between_the_subscription_and_the_first_read_is_not_lost(
    api: Api, worker: Worker, wakeups: Wakeups, store: JobStore
) -> None:
    job_id = api.submit()
    with wakeups.watch(store.keys.tenant("default", "wake", job_id)) as watch:
        worker.run(job_id)
        watch.wait(20)
        assert store.find("default", job_id).is_final


def test_waiters_are_woken_by_a_reconnect(
    redis_process: RedisProcess, pool: ThreadPoolExecutor, make_process: Callable[..., ApiProcess]
) -> None:
    process = make_process({"REDIS_URL": redis_process.url})
    api, worker = Api(process.test_client()), Worker(process.store)
    job_id = api.submit()
    waiter = Waiters(process.store, process.wakeups, pool).start(job_id)

    redis_process.kill()
    redis_process.start()
    worker.run(job_id)

    assert waiter.result(30).state is JobState.SUCCEEDED


def test_watches_leave_nothing_behind(wakeups: Wakeups) -> None:
    for _ in range(3):
        with wakeups.watch("a"), wakeups.watch("a"), wakeups.watch("b"):
            pass

    assert wakeups._watches == {}


def test_a_long_poll_over_http_ends_with_its_job(process: ApiProcess, worker: Worker, pool: ThreadPoolExecutor) -> None:
    api = Api(process.test_client())
    job_id = api.submit()

    def poll() -> Any:
        return Api(process.test_client()).get(f"/v1/jobs/{job_id}", Prefer="wait=60")

    poller = pool.submit(poll)
    worker.run(job_id)

    response = poller.result(30)
    assert response.status_code == 200
    assert response.json["status"] == "succeeded"
    assert response.headers["Preference-Applied"] == "wait=60"


def test_a_long_poll_for_a_known_version_of_a_final_job_ends_at_once(api: Api, worker: Worker) -> None:
    job_id = api.submit()
    worker.run(job_id)
    tag = api.get(f"/v1/jobs/{job_id}").headers["ETag"]

    assert api.get(f"/v1/jobs/{job_id}", Prefer="wait=60", If_None_Match=tag).status_code == 304
