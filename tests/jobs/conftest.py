from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
import redis

from jobs.lease import Lease
from jobs.new_job import NewJob
from jobs.request import InferenceRequest, RequestType, SamplingParams
from jobs.settings import StoreSettings
from jobs.store import JobStore

MODEL = "m"
WORKER = "w1"


class Bench:
    """A store with one worker and short words for what the tests do to it."""

    def __init__(self, client: redis.Redis, settings: StoreSettings) -> None:
        self.client = client
        self.store = JobStore(client, settings)
        self._numbers = itertools.count(1)

    def new(self, **changes: Any) -> NewJob:
        request = InferenceRequest(
            model=MODEL, type=RequestType.COMPLETION, prompt="Once", params=SamplingParams(max_tokens=8, seed=3)
        )
        return replace(NewJob(id=f"job_{next(self._numbers):04}", tenant="default", request=request), **changes)

    def accept(self, **changes: Any) -> str:
        return self.store.accept(self.new(**changes)).job_id

    def join(self, worker: str = WORKER, slots: int = 4) -> None:
        self.store.heartbeat(worker, model=MODEL, slots=slots, instance=f"{worker}#1")

    def try_claim(self, job_id: str, worker: str = WORKER, *, claim_id: str = "", can_continue: bool = True) -> Any:
        return self.store.claim(
            job_id,
            model=MODEL,
            worker=worker,
            claim_id=claim_id or f"c{next(self._numbers)}",
            can_continue=can_continue,
        )

    def claim(self, job_id: str, worker: str = WORKER, **options: Any) -> Lease:
        lease = self.try_claim(job_id, worker, **options)
        assert isinstance(lease, Lease), lease
        return lease

    def running(self, worker: str = WORKER, **changes: Any) -> Lease:
        """Accept, dispatch and claim one job."""
        job_id = self.accept(**changes)
        self.join(worker)
        assert job_id in self.store.dispatch(MODEL)
        return self.claim(job_id, worker)

    def state(self, job_id: str) -> str:
        return self.store.find("default", job_id).state.value

    def watched(self) -> set[str]:
        members: Any = self.client.zrange("frontier:watch", 0, -1)
        return {member.decode().split("/")[1] for member in members}

    def let_lease_lapse(self, lease: Lease) -> None:
        """As if the worker had been silent for a whole lease."""
        self.client.zadd("frontier:watch", {f"{lease.tenant}/{lease.job_id}": 1})

    def field(self, job_id: str, name: str) -> bytes | None:
        value: bytes | None = cast("Any", self.client).hget(f"frontier:t:default:job:{job_id}", name)
        return value

    def keys(self) -> set[str]:
        found: Any = self.client.keys("frontier:*")
        return {key.decode() for key in found}


@pytest.fixture
def settings() -> StoreSettings:
    return StoreSettings()


@pytest.fixture
def bench(redis_client: redis.Redis, settings: StoreSettings) -> Bench:
    return Bench(redis_client, settings)


@pytest.fixture
def make_bench(redis_client: redis.Redis) -> Callable[..., Bench]:
    return lambda **changes: Bench(redis_client, StoreSettings(**changes))
