from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.following import Following, Look, Reading
from api.wakeups import Wakeups, subscriber_pool
from jobs.answers import Emission
from jobs.connection import connect
from jobs.errors import JobNotFound
from jobs.job import JobState, Outcome
from jobs.lease import Lease
from jobs.new_job import NewJob
from jobs.request import InferenceRequest, RequestType
from jobs.store import JobStore
from jobs.token_run import TokenRun
from tests.api.conftest import Api, Worker
from tests.redis_process import RedisProcess

WORDS = ("Who", " knocks", "?", " A", " friend", ".")


@pytest.fixture
def wakeups(redis_url: str) -> Iterator[Wakeups]:
    wakeups = Wakeups(subscriber_pool(redis_url))
    yield wakeups
    wakeups.close()


@pytest.fixture
def following(store: JobStore, wakeups: Wakeups) -> Following:
    """Only a wake-up has it look again."""
    return Following(store=store, wakeups=wakeups, clock=lambda: 0.0, spread=lambda: 1.0, reread_seconds=3600)


def emit(store: JobStore, lease: Lease, first: int, words: Sequence[str]) -> None:
    ids = range(100 + first, 100 + first + len(words))
    assert store.emit([Emission(lease, first, tuple(ids), tuple(words))])[0].verdict == "ok"


def finish(worker: Worker, lease: Lease, words: Sequence[str]) -> None:
    outcome = Outcome(state=JobState.SUCCEEDED, text="".join(words), finish_reason="stop")
    tokens = TokenRun(ids=range(100, 100 + len(words)), pieces=words)
    assert worker.store.finish(lease, outcome, tokens=tokens) == "ok"


def looks(reading: Reading) -> Iterator[Look]:
    return (look for look in reading if look is not None)


def read(reading: Reading) -> list[str]:
    """All that a reader is told, by index."""
    told: dict[int, str] = {}
    for look in looks(reading):
        for index, piece in enumerate(look.tokens.pieces, look.tokens.first):
            assert index not in told
            told[index] = piece
    return [told[index] for index in sorted(told)]


def test_a_reader_is_told_every_token_once_and_then_the_final_job(
    api: Api, worker: Worker, following: Following
) -> None:
    job_id = api.submit()
    with ThreadPoolExecutor() as pool:
        reader = pool.submit(list, looks(following.follow("default", job_id)))
        lease = worker.claim(job_id)
        for index, word in enumerate(WORDS):
            emit(worker.store, lease, index, [word])
        finish(worker, lease, WORDS)
        told = reader.result(30)

    assert "".join(look.tokens.text for look in told) == "".join(WORDS)
    assert told[0].job is not None
    assert [look.is_last for look in told] == [False] * (len(told) - 1) + [True]


@pytest.mark.parametrize("after", range(-1, len(WORDS) + 1))
def test_a_reader_goes_on_behind_any_token(api: Api, worker: Worker, following: Following, after: int) -> None:
    job_id = api.submit()
    lease = worker.claim(job_id)
    emit(worker.store, lease, 0, WORDS[:4])
    finish(worker, lease, WORDS)

    reading = following.follow("default", job_id, after=after)

    assert read(reading) == list(WORDS[after + 1 :])
    assert reading.is_complete


def test_a_job_that_there_is_not_is_told_by_the_call_itself(following: Following, wakeups: Wakeups) -> None:
    with pytest.raises(JobNotFound):
        following.follow("default", "job_" + "0" * 22)

    assert wakeups._watches == {}


def test_a_job_erased_while_it_is_read_ends_the_stream_unfinished(
    api: Api, store: JobStore, following: Following
) -> None:
    job_id = api.submit()
    reading = following.follow("default", job_id)
    assert next(reading) is not None
    store.cancel("default", job_id)
    store.erase("default", job_id)

    assert list(reading) == []
    assert not reading.is_complete


def test_a_reader_that_left_is_waited_for_no_longer(api: Api, following: Following, wakeups: Wakeups) -> None:
    reading = following.follow("default", api.submit())
    assert next(reading) is not None
    with ThreadPoolExecutor() as pool:
        rest = pool.submit(list, reading)
        reading.leave()

        assert rest.result(30) == []
    assert not reading.is_complete
    assert wakeups._watches == {}


def test_a_process_that_ends_ends_its_readers(api: Api, following: Following, wakeups: Wakeups) -> None:
    reading = following.follow("default", api.submit())
    assert next(reading) is not None
    wakeups.drain()

    assert list(reading) == []
    assert not reading.is_complete


def test_a_reader_closed_before_its_first_look_leaves_nothing_behind(
    api: Api, following: Following, wakeups: Wakeups
) -> None:
    following.follow("default", api.submit()).close()

    assert wakeups._watches == {}


def test_silence_is_told_as_a_heartbeat(api: Api, store: JobStore, wakeups: Wakeups) -> None:
    seconds = itertools.count(step=10.0)
    following = Following(store=store, wakeups=wakeups, clock=lambda: next(seconds), spread=lambda: 1e-9)
    reading = following.follow("default", api.submit())

    assert next(reading) is not None
    assert next(reading) is None
    assert next(reading) is None
    reading.close()


def test_heartbeats_go_on_while_redis_is_away_and_nothing_is_lost_or_doubled(
    redis_process: RedisProcess,
) -> None:
    client, wakeups = connect(redis_process.url), Wakeups(subscriber_pool(redis_process.url))
    worker = Worker(JobStore(client))
    following = Following(
        store=worker.store,
        wakeups=wakeups,
        clock=time.monotonic,
        spread=lambda: 1.0,
        beat_seconds=0.05,
        pause_seconds=0.05,
        reread_seconds=0.05,
    )
    job_id = "job_" + "0" * 22
    request = InferenceRequest(model="poet", type=RequestType.COMPLETION, prompt="Hark!")
    worker.store.accept(NewJob(id=job_id, tenant="default", request=request))
    lease = worker.claim(job_id)
    emit(worker.store, lease, 0, WORDS[:3])
    told: list[Look | None] = []
    beats = threading.Semaphore(0)
    is_away = threading.Event()

    reading = following.follow("default", job_id)

    def follow() -> None:
        for look in reading:
            told.append(look)
            if look is None and is_away.is_set():
                beats.release()

    reader = threading.Thread(target=follow)
    reader.start()
    redis_process.kill()
    is_away.set()
    assert all(beats.acquire(timeout=30) for _ in range(3))
    redis_process.start()
    emit(worker.store, lease, 3, WORDS[3:])
    finish(worker, lease, WORDS)
    reader.join(60)
    wakeups.close()
    client.close()

    assert "".join(look.tokens.text for look in told if look) == "".join(WORDS)
    assert told[-1] is not None
    assert told[-1].is_last
