"""Whoever waits for a batch is woken by each change of it; here nothing but that ends a wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from api.batches.batch_waiting import BatchWaiting
from api.long_poll import LongPoll
from api.wakeups import Wakeups, subscriber_pool
from jobs.batches.batch import Batch, BatchLease
from jobs.batches.store import BatchStore
from tests.api.batch_calls.conftest import Desk, Runner, told_line

NEVER = 3600.0


@pytest.fixture
def wakeups(redis_url: str) -> Iterator[Wakeups]:
    wakeups = Wakeups(subscriber_pool(redis_url))
    yield wakeups
    wakeups.close()


@pytest.fixture
def pool(wakeups: Wakeups) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool
        wakeups.drain()


def begin(runner: Runner, batch_id: str) -> BatchLease:
    return runner.begin(batch_id, 1)


def tell(runner: Runner, batch_id: str) -> BatchLease:
    lease = begin(runner, batch_id)
    runner.tell(lease, told_line(1))
    return lease


def note(runner: Runner, batch_id: str) -> None:
    runner.batches.wait_for(begin(runner, batch_id), "room")


def cancel(runner: Runner, batch_id: str) -> None:
    runner.batches.cancel("default", batch_id)


def end(runner: Runner, batch_id: str) -> None:
    runner.end(tell(runner, batch_id))


class Waiter:
    """Waits for one batch, as long as it takes."""

    def __init__(self, batches: BatchStore, wakeups: Wakeups, pool: ThreadPoolExecutor) -> None:
        poll = LongPoll(wakeups=wakeups, clock=lambda: 0.0, reread_seconds=NEVER)
        self._waiting = BatchWaiting(batches=batches, poll=poll)
        self._pool = pool

    def start(self, batch_id: str, is_enough: Callable[[Batch], bool]) -> Future[Batch]:
        """Returns when it has looked once."""
        has_looked = threading.Event()

        def looked_at(batch: Batch) -> bool:
            has_looked.set()
            return is_enough(batch)

        found = self._pool.submit(self._waiting.find, "default", batch_id, seconds=NEVER, is_enough=looked_at)
        assert has_looked.wait(20)
        return found


@pytest.fixture
def waiter(runner: Runner, wakeups: Wakeups, pool: ThreadPoolExecutor) -> Waiter:
    return Waiter(runner.batches, wakeups, pool)


@pytest.mark.parametrize(
    ("change", "is_enough"),
    [
        (begin, lambda batch: batch.status == "in_progress"),
        (tell, lambda batch: batch.completed == 1),
        (note, lambda batch: batch.waiting_for == "room"),
        (cancel, lambda batch: batch.status == "cancelled"),
        (end, lambda batch: batch.status.is_final),
    ],
)
def test_a_waiter_is_woken_by_the_change_that_it_waits_for(
    desk: Desk,
    runner: Runner,
    waiter: Waiter,
    change: Callable[[Runner, str], object],
    is_enough: Callable[[Batch], bool],
) -> None:
    batch_id = desk.make()
    found = waiter.start(batch_id, is_enough)

    change(runner, batch_id)

    assert is_enough(found.result(20))
