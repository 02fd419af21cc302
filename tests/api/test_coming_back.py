"""A client that comes back when `Retry-After` says finds room: against a model of a known pace, in made-up time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from api import want_of_room
from jobs.errors import QueueFull, QuotaExceeded
from jobs.job import JobState, Outcome, Usage
from jobs.lease import Lease
from jobs.settings import StoreSettings
from jobs.tenant_limits import TenantLimits
from jobs.tenants import TenantStore
from tests.jobs.conftest import MODEL, Bench
from tests.jobs.turned_clock import TurnedClock

EPOCH = 1_800_000_000_000
COMES_BACK = 100


class Site(Bench):
    """A model whose jobs take `pace` ms each on one of its slots, and whoever submits to it; time is the test's."""

    def __init__(self, client: TurnedClock, *, slots: int, pace: int, random: Random) -> None:
        super().__init__(client, StoreSettings())
        self.clock, self.now, self.slots, self.pace, self.random = client, EPOCH, slots, pace, random
        self.ends: list[tuple[int, str, Lease]] = []
        client.turn_to(EPOCH)

    def until(self, instant: int) -> None:
        """Everything that happens till then."""
        self._work()
        while self.ends and self.ends[0][0] <= instant:
            at, _, lease = heapq.heappop(self.ends)
            self._turn(at)
            usage = Usage(prompt_tokens=1, completion_tokens=8)
            self.store.finish(lease, Outcome(state=JobState.SUCCEEDED, text="", usage=usage))
            self._work()
        self._turn(instant)
        self._work()

    def _turn(self, instant: int) -> None:
        self.now = max(self.now, instant)
        self.clock.turn_to(self.now)

    def _work(self) -> None:
        self.join(slots=self.slots)
        self.store.dispatch(MODEL)
        window: Any = self.client.hkeys(f"frontier:m:{MODEL}:window")
        for job_id in sorted(window)[: self.slots - len(self.ends)]:
            lease = self.claim(job_id.decode())
            varied = round(self.pace * self.random.uniform(0.95, 1.05))
            heapq.heappush(self.ends, (self.now + varied, lease.job_id, lease))

    def come_back(self, submit: Callable[[], object]) -> int:
        """How often a client is let in that submits until it is refused, and comes back just when it is told to."""
        let_in = 0
        for _ in range(COMES_BACK):
            refusal = self._refused(submit)
            told = int(want_of_room.headers(refusal)["Retry-After"])
            assert 1 <= told <= 120
            self.until(self.now + told * 1000)
            try:
                submit()
            except (QueueFull, QuotaExceeded):
                continue
            let_in += 1
        return let_in

    def _refused(self, submit: Callable[[], object]) -> QueueFull | QuotaExceeded:
        while True:
            try:
                submit()
            except (QueueFull, QuotaExceeded) as refusal:
                return refusal
            self.until(self.now + self.random.randrange(3))

    def warm(self) -> None:
        """Have some jobs end, so that there is a pace."""
        for _ in range(2 * self.slots):
            self.accept(tenant="somebody")
        self.until(self.now + 4 * self.pace)


@pytest.fixture
def make_site(redis_url: str, redis_client: Any) -> Iterator[Callable[..., Site]]:  # noqa: ARG001 - empties it
    with TurnedClock.from_url(redis_url) as client:
        yield lambda **given: Site(client, random=Random(11), **given)


@pytest.mark.parametrize(("slots", "pace"), [(1, 700), (1, 1000), (3, 2000), (8, 5300)])
@pytest.mark.parametrize("whose", ["all tenants'", "one tenant's"])
def test_who_comes_back_to_a_full_queue_is_let_in(make_site: Any, slots: int, pace: int, whose: str) -> None:
    site = make_site(slots=slots, pace=pace)
    site.warm()
    bound = {"max_waiting": 5} if whose == "all tenants'" else {"max_waiting_per_tenant": 5}
    assert site.come_back(lambda: site.store.accept(site.new(), **bound)) >= 0.99 * COMES_BACK


@pytest.mark.parametrize(("slots", "most"), [(1, 1), (4, 2), (4, 12)])
def test_who_comes_back_with_too_many_jobs_is_let_in(make_site: Any, slots: int, most: int) -> None:
    site = make_site(slots=slots, pace=1500)
    site.warm()
    TenantStore(site.client).set_limits("default", TenantLimits(concurrent_jobs=most))
    assert site.come_back(site.accept) >= 0.99 * COMES_BACK


def test_who_comes_back_with_an_empty_budget_is_let_in(make_site: Any) -> None:
    site = make_site(slots=4, pace=1500)
    site.warm()
    TenantStore(site.client).set_limits("default", TenantLimits(tokens_per_minute=50))
    assert site.come_back(site.accept) >= 0.99 * COMES_BACK


@pytest.mark.parametrize("why", ["no worker", "no job has ended", "paused"])
def test_where_nothing_tells_no_time_is_made_up(make_site: Any, why: str) -> None:
    site = make_site(slots=2, pace=1000)
    if why == "paused":
        site.warm()
        site.store.set_mode(MODEL, "paused")
    if why == "no job has ended":
        site.join()
    site.store.accept(site.new(), max_waiting=1)
    with pytest.raises(QueueFull) as refusal:
        site.store.accept(site.new(), max_waiting=1)
    assert refusal.value.retry_after_seconds is None
