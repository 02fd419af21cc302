from __future__ import annotations

import json
from typing import Any

from redis import Redis

from jobs.new_job import NewJob
from jobs.request import InferenceRequest, RequestType
from jobs.settings import StoreSettings
from jobs.store import JobStore
from scripts.ports import free_port
from tasks.app import ATTEMPT, make_app, queue_name
from tasks.dispatch import Dispatcher


def test_messages_of_one_dispatch_go_out_in_the_order_of_their_jobs(redis_client: Redis, redis_url: str) -> None:
    store = JobStore(redis_client)
    store.heartbeat("w1", model="m", slots=8, instance="h/1/1")
    ids = [_accept(store, number) for number in range(5)]
    assert Dispatcher(store, make_app(redis_url)).dispatch("m") == 5
    messages: Any = redis_client.lrange(queue_name("m"), 0, -1)
    headers = [json.loads(message)["headers"] for message in reversed(messages)]
    assert [(one["task"], one["id"]) for one in headers] == [(ATTEMPT, job_id) for job_id in ids]


def test_one_round_looks_at_a_whole_backlog(redis_client: Redis, redis_url: str) -> None:
    store = JobStore(redis_client, StoreSettings(sweep_limit=2))
    for number in range(7):
        _accept(store, number, deadline_at=1.0)
    Dispatcher(store, make_app(redis_url)).sweep()
    assert {job.state.value for job in store.list("default").jobs} == {"expired"}


def test_what_the_broker_refuses_waits_for_the_next_sweep(redis_client: Redis) -> None:
    store = JobStore(redis_client)
    store.heartbeat("w1", model="m", slots=4, instance="i1")
    _accept(store, 1)
    Dispatcher(store, make_app(f"redis://127.0.0.1:{free_port()}/0")).dispatch("m")
    status = store.queue("m", "default")
    assert (status.waiting, status.dispatched) == (1, 0)


def _accept(store: JobStore, number: int, **options: Any) -> str:
    request = InferenceRequest(model="m", type=RequestType.COMPLETION, prompt="Once")
    return store.accept(NewJob(id=f"job_{number}", tenant="default", request=request, **options)).job_id
