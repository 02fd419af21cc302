"""Servers of the benchmark's own: started for a measurement, ended after it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
from redis import Redis

from api.limit_settings import NO_LIMITS
from jobs.batches.store import BatchStore
from jobs.connection import connect
from jobs.keys import Keys
from jobs.settings import Durability
from jobs.store import JobStore
from models.catalog import Catalog
from scripts import redis_server
from scripts.benchmark.client import Client
from scripts.guardian import Guardian, Ward
from scripts.ports import free_port
from scripts.programs import CELERY, Deployment, log_file
from scripts.supervisor import Program, Stage

START_SECONDS = 120.0
END_SECONDS = 60.0
TOKEN = "benchmark"  # noqa: S105 - of servers that only this machine reaches, for minutes


@contextmanager
def redis(folder: Path, *, durability: Durability = "everysec") -> Iterator[str]:
    """A Redis server with its files in *folder*, which is made; its URL."""
    folder.mkdir(parents=True)
    port = free_port()
    command = redis_server.command(redis_server.find_binary(), port=port, data_dir=folder, durability=durability)
    with _running(command, folder / "redis.log", os.environ) as server:
        redis_server.wait_until_ready(redis_server.url(port), is_alive=lambda: server.poll() is None)
        yield redis_server.url(port)


@contextmanager
def api(
    folder: Path, *, redis_url: str, config: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Client]:
    """The API as `frontier up` serves it; a client of it."""
    with api_and_process(folder, redis_url=redis_url, config=config, environment=environment) as (client, _):
        yield client


@contextmanager
def api_and_process(
    folder: Path, *, redis_url: str, config: Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[Client, psutil.Process]]:
    """The same, and the process that the others of gunicorn are children of."""
    deployment = _deployment(folder, redis_url=redis_url, config=config, environment=environment)
    with (
        closing(Client(port=deployment.port, token=TOKEN)) as client,
        started(deployment.api(), is_ready=lambda: client.answers("/health/live")) as process,
    ):
        yield client, process


@contextmanager
def worker(
    folder: Path, *, redis_url: str, config: Path, environment: Mapping[str, str] | None = None
) -> Iterator[psutil.Process]:
    """A worker for the first model of *config*; its process."""
    model = Catalog.load(config).default.name
    deployment = _deployment(folder, redis_url=redis_url, config=config, environment=environment, model=model)
    [program] = deployment.workers()
    with connected(redis_url) as client:
        store = JobStore(client)
        with started(program, is_ready=lambda: store.queue(model, "default").slots > 0) as process:
            yield process


@contextmanager
def runner(
    folder: Path, *, redis_url: str, config: Path, environment: Mapping[str, str] | None = None
) -> Iterator[psutil.Process]:
    """A runner of batches, with files in the folder `files` of *folder*; its process."""
    program = _deployment(folder, redis_url=redis_url, config=config, environment=environment).runner()
    with connected(redis_url) as client:
        channel = BatchStore(client).channel
        before = _listeners(client, channel)
        with started(program, is_ready=lambda: _listeners(client, channel) > before) as process:
            yield process


@contextmanager
def sender(folder: Path, *, redis_url: str, environment: Mapping[str, str] | None = None) -> Iterator[psutil.Process]:
    """A sender of webhooks; its process."""
    program = Program(
        name="webhooks",
        stage=Stage.WORKER,
        command=[sys.executable, *("tasks.webhooks" if word == "tasks.worker" else word for word in CELERY)],
        environment={**os.environ, "REDIS_URL": redis_url, **(environment or {})},
        log=log_file(folder, "webhooks"),
        grace_seconds=1.0,
    )
    with connected(redis_url) as client:
        senders = Keys().name("senders")
        with started(program, is_ready=lambda: bool(client.exists(senders))) as process:
            yield process


@contextmanager
def connected(redis_url: str) -> Iterator[Redis]:
    """A client for a store, whose connections are closed with the block."""
    client = connect(redis_url)
    try:
        yield client
    finally:
        client.connection_pool.disconnect()


@contextmanager
def started(program: Program, *, is_ready: Callable[[], bool]) -> Iterator[psutil.Process]:
    """The process, once it is ready. Raises RuntimeError, with the end of its log, if that takes too long."""
    with _running(program.command, program.log.path, program.environment) as process:
        _wait_until(is_ready, process, program.log.path)
        yield psutil.Process(process.pid)


def _listeners(client: Redis, channel: str) -> int:
    [(_, count)] = client.pubsub_numsub(channel)
    return int(count)


@contextmanager
def _running(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the block, or with this process, by a guardian.

    It is ended as an operator would, and with force if that takes too long.
    """
    with (
        log.open("ab") as output,
        subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            with closing(Guardian(log=log, leftover=log.with_suffix(".leftover"))) as guardian:
                guardian.add(Ward(pid=process.pid, stage=0, grace_seconds=END_SECONDS))
                yield process
        finally:
            process.kill()  # it has ended, unless somebody has killed the guardian


def _deployment(
    folder: Path, *, redis_url: str, config: Path, environment: Mapping[str, str] | None, model: str | None = None
) -> Deployment:
    folder.mkdir(parents=True, exist_ok=True)
    return Deployment(
        host="127.0.0.1",
        port=free_port(),
        data_dir=folder,
        config=config,
        models=[model] if model else [],
        token=TOKEN,
        redis_url=redis_url,
        namespace="",
        grace_seconds=1.0,
        environment={
            **os.environ,
            **NO_LIMITS,
            "SHUTDOWN_GRACE_S": "1",
            "CACHE_BACKEND": "none",
            **(environment or {}),
        },
    )


def _wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when it holds. Raises RuntimeError, with the end of the log, if the process ends or takes too long."""
    give_up_at = time.monotonic() + START_SECONDS
    while not condition():
        if process.poll() is not None or time.monotonic() > give_up_at:
            tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"a server did not start; its log ends with:\n{tail}")
        time.sleep(0.05)
