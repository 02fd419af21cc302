"""The ways of a job that are compared: Celery alone, ours without HTTP, ours over HTTP.

Each is a context: it starts a worker, and what else it needs, over an empty Redis, and ends them.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path as File

import psutil
from redis import Redis

from api.submission import Submission, Submissions
from jobs.connection import connect
from jobs.ids import new_id
from jobs.job import JobState
from jobs.keys import Keys
from jobs.request import RequestType
from jobs.store import JobStore
from models.catalog import Catalog
from scripts.benchmark.jobs_per_second import Path
from scripts.benchmark.noop_worker import STRIDES, TASK, make_noop_app
from scripts.benchmark.servers import running
from scripts.ports import free_port
from tasks.app import make_app
from tasks.dispatch import Dispatcher

MODEL = "scripted"
SLOTS = 32
CONCURRENCY = 36
"""Threads of the pool: what our worker makes of that many slots."""
REPLY = "It was the best of times."
PROMPT = "Tell me how the story begins, and tell it in one short sentence."
MAX_TOKENS = 16
TENANT = "default"
CATALOG = f"models: {{{MODEL}: {{engine: scripted, slots: {SLOTS}, script: {{reply: {REPLY}}}}}}}\n"
TOKEN = "benchmark"  # noqa: S105 - of a server that only this machine reaches, for a minute
START_SECONDS = 60.0


@contextmanager
def celery_alone(url: str, folder: File, *, stride: int, acknowledges: bool) -> Iterator[Path]:
    """`delay` of a task that does nothing; `done` counts in steps of *stride*."""
    app = make_noop_app(url, concurrency=CONCURRENCY, stride=stride, acknowledges=acknowledges)
    env = {"BENCHMARK_CONCURRENCY": str(CONCURRENCY), "BENCHMARK_STRIDE": str(stride)}
    if acknowledges:
        env["BENCHMARK_ACKNOWLEDGES"] = "1"
    with Redis.from_url(url) as client, _worker("scripts.benchmark.noop_worker", url, folder, env) as worker:
        yield Path(
            submit=lambda _: app.tasks[TASK].delay(new_id("job")),
            done=lambda: int(client.get(STRIDES) or 0) * stride,
            processes={"worker": worker},
        )


@contextmanager
def without_http(url: str, folder: File) -> Iterator[Path]:
    """`Submissions.submit`, as the API calls it."""
    catalog = _catalog(folder)
    with connect(url) as client, _our_worker(url, folder) as worker:
        store = JobStore(client)
        submissions = Submissions(
            store=store,
            dispatcher=Dispatcher(store, make_app(url)),
            catalog=Catalog.load(catalog),
            new_id=partial(new_id, "job"),
            draw_seed=partial(secrets.randbelow, 2**53),
            clock=time.time,
        )
        submission = Submission(
            type=RequestType.COMPLETION, fingerprint="0" * 32, prompt=PROMPT, params={"max_tokens": MAX_TOKENS}
        )
        yield Path(
            submit=lambda _: submissions.submit(submission, tenant=TENANT),
            done=partial(_succeeded, client),
            processes={"worker": worker},
        )


@contextmanager
def over_http(url: str, folder: File) -> Iterator[Path]:
    """`POST /v1/jobs` to one gunicorn worker, over one connection per thread that is kept open."""
    port = free_port()
    env = {"PORT": str(port), "TRUTHGPT_API_TOKEN": TOKEN, "TRUTHGPT_CONFIG": str(_catalog(folder)), "API_WORKERS": "1"}
    api = ["gunicorn", "-c", "python:api.gunicorn_conf", "api.app:create_app()"]
    with (
        Redis.from_url(url) as client,
        _our_worker(url, folder) as worker,
        _program(api, url, folder / "api.log", env) as served,
    ):
        connections = threading.local()
        _wait_until(lambda: _answers(port))
        yield Path(
            submit=lambda _: _post(connections, port),
            done=partial(_succeeded, client),
            processes={"worker": worker, "api": served},
        )


def _post(connections: threading.local, port: int) -> None:
    if not hasattr(connections, "open"):
        connections.open = HTTPConnection("127.0.0.1", port, timeout=60)
    body = {"type": "completion", "input": {"prompt": PROMPT}, "params": {"max_tokens": MAX_TOKENS}}
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    connections.open.request("POST", "/v1/jobs", json.dumps(body), headers)
    answer = connections.open.getresponse()
    text = answer.read()
    if answer.status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED):  # OK: it is over already
        raise RuntimeError(f"{answer.status}: {text[:500]!r}")


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _succeeded(client: Redis) -> int:
    count: int = client.zcard(Keys().tenant(TENANT, "state", JobState.SUCCEEDED))
    return count


def _catalog(folder: File) -> File:
    file = folder / "models.yaml"
    file.write_text(CATALOG)
    return file


@contextmanager
def _our_worker(url: str, folder: File) -> Iterator[psutil.Process]:
    env = {"TRUTHGPT_CONFIG": str(_catalog(folder)), "FRONTIER_WORKER_NAME": "benchmark"}
    with Redis.from_url(url) as client, _worker("tasks.worker", url, folder, env) as worker:
        _wait_until(lambda: bool(client.exists(Keys().model(MODEL, "workers"))))
        yield worker


@contextmanager
def _worker(module: str, url: str, folder: File, env: Mapping[str, str]) -> Iterator[psutil.Process]:
    command = ["celery", "-A", module, "worker", "--without-gossip", "--without-mingle"]
    with _program(command, url, folder / "worker.log", env) as process:
        yield process


@contextmanager
def _program(command: list[str], url: str, log: File, env: Mapping[str, str]) -> Iterator[psutil.Process]:
    with ExitStack() as stack:
        output = stack.enter_context(log.open("ab"))
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**os.environ, "REDIS_URL": url, **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        stack.enter_context(running(process))
        yield psutil.Process(process.pid)


def _wait_until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"not ready within {START_SECONDS:g} s")
        time.sleep(0.02)
