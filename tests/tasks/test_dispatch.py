from __future__ import annotations

from redis import Redis

from jobs.job import NewJob
from jobs.request import InferenceRequest, RequestType
from jobs.settings import StoreSettings
from jobs.store import JobStore
from scripts.ports import free_port
from tasks.app import make_app
from tasks.dispatch import Dispatcher


def test_one_round_looks_at_a_whole_backlog(redis_client: Redis, redis_url: str) -> None:
    store = JobStore(redis_client, StoreSettings(sweep_limit=2))
    request = InferenceRequest(model="m", type=RequestType.COMPLETION, prompt="Once")
    for number in range(7):
        store.accept(NewJob(id=f"job_{number}", tenant="default", request=request, deadline_at=1.0))
    Dispatcher(store, make_app(redis_url)).sweep()
    assert {job.state.value for job in store.list("default").jobs} == {"expired"}


def test_what_the_broker_refuses_waits_for_the_next_sweep(redis_client: Redis) -> None:
    store = JobStore(redis_client)
    store.heartbeat("w1", model="m", slots=4, instance="i1")
    request = InferenceRequest(model="m", type=RequestType.COMPLETION, prompt="Once")
    store.accept(NewJob(id="job_1", tenant="default", request=request))
    Dispatcher(store, make_app(f"redis://127.0.0.1:{free_port()}/0")).dispatch("m")
    status = store.queue("m", "default")
    assert (status.waiting, status.dispatched) == (1, 0)
