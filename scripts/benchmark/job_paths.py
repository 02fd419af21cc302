"""The ways of a job that are compared: Celery alone, ours without HTTP, ours over HTTP.

Each is a context: it starts a worker, and what else it needs, over an empty Redis, and ends them.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

from celery import Celery
from kombu import pools
from redis import Redis

from api.asked_job import Submission
from api.model_gate import ModelGate
from api.submission import Submissions
from jobs.ids import new_id
from jobs.job import JobState
from jobs.keys import Keys
from jobs.request import RequestType
from jobs.store import JobStore
from models.catalog import Catalog
from resilience.circuit.circuits import Circuits
from scripts.benchmark import servers
from scripts.benchmark.jobs_per_second import Way
from scripts.benchmark.noop_worker import READY, STRIDES, TASK, make_noop_app, noop_program
from scripts.benchmark.scripted import scripted_config
from tasks.app import make_app
from tasks.dispatch import Dispatcher

SLOTS = 32
CONCURRENCY = 36
"""Threads of the pool: what our worker makes of that many slots."""
REPLY = "It was the best of times."
PROMPT = "Tell me how the story begins, and tell it in one short sentence."
PARAMS = {"max_tokens": 16}
TENANT = "default"


@contextmanager
def celery_alone(url: str, folder: Path, *, stride: int, acknowledges: bool) -> Iterator[Way]:
    """`delay` of a task that does nothing; `done` counts in steps of *stride*."""
    program = noop_program(url, folder, concurrency=CONCURRENCY, stride=stride, acknowledges=acknowledges)
    with (
        Redis.from_url(url) as client,
        servers.started(program, is_ready=lambda: bool(client.exists(READY))) as worker,
        _publishing(make_noop_app(url, concurrency=CONCURRENCY, stride=stride, acknowledges=acknowledges)) as app,
    ):
        yield Way(
            submit=lambda _: app.tasks[TASK].delay(new_id("job")),
            done=lambda: int(client.get(STRIDES) or 0) * stride,
            processes={"worker": worker},
        )


@contextmanager
def without_http(url: str, folder: Path) -> Iterator[Way]:
    """`Submissions.submit`, as the API calls it."""
    config = scripted_config(folder, slots=SLOTS, reply=REPLY)
    with (
        servers.connected(url) as client,
        servers.worker(folder, redis_url=url, config=config) as worker,
        _publishing(make_app(url)) as app,
    ):
        store = JobStore(client)
        circuits = Circuits(client, random=Random())  # noqa: S311 - no secret
        submissions = Submissions(
            store=store,
            dispatcher=Dispatcher(store, app, circuits),
            catalog=Catalog.load(config),
            new_id=new_id,
            draw_seed=partial(secrets.randbelow, 2**53),
            clock=time.time,
            gate=ModelGate(circuits),
        )
        submission = Submission(type=RequestType.COMPLETION, fingerprint="0" * 32, prompt=PROMPT, params=PARAMS)
        yield Way(
            submit=lambda _: submissions.submit(submission, tenant=TENANT),
            done=partial(_succeeded, client),
            processes={"worker": worker},
        )


@contextmanager
def over_http(url: str, folder: Path) -> Iterator[Way]:
    """`POST /v1/jobs` to one gunicorn worker, over as many kept connections as there are threads."""
    config = scripted_config(folder, slots=SLOTS, reply=REPLY)
    body = {"type": RequestType.COMPLETION.value, "input": {"prompt": PROMPT}, "params": PARAMS}
    one_process = {"API_WORKERS": "1"}
    with (
        Redis.from_url(url) as redis,
        servers.worker(folder, redis_url=url, config=config) as worker,
        servers.api_and_process(folder, redis_url=url, config=config, environment=one_process) as (client, api),
    ):
        yield Way(
            submit=lambda _: client.submit_body(body),
            done=partial(_succeeded, redis),
            processes={"worker": worker, "api": api},
        )


def _succeeded(client: Redis) -> int:
    count: int = client.zcard(Keys().tenant(TENANT, "state", JobState.SUCCEEDED))
    return count


@contextmanager
def _publishing(app: Celery) -> Iterator[Celery]:
    """Close the connections of this process to brokers afterwards."""
    try:
        yield app
    finally:
        app.close()
        pools.reset()
