"""Servers of the benchmark's own: started for a measurement, ended after it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import psutil

from jobs.connection import connect
from jobs.settings import Durability
from jobs.store import JobStore
from models.catalog import Catalog
from scripts import redis_server
from scripts.benchmark.client import Client
from scripts.ports import free_port
from scripts.programs import Deployment
from scripts.supervisor import Program

START_SECONDS = 120.0
END_SECONDS = 60.0
TOKEN = "benchmark"  # noqa: S105 - of servers that only this machine reaches, for minutes
NO_LIMITS = {"RATE_LIMIT_RPM": "100000000"}


@contextmanager
def redis(folder: Path, *, durability: Durability = "everysec") -> Iterator[str]:
    """A Redis server with its files in *folder*, which is made; its URL."""
    folder.mkdir(parents=True)
    port = free_port()
    command = redis_server.command(redis_server.find_binary(), port=port, data_dir=folder, durability=durability)
    with (folder / "redis.log").open("wb") as log, running(subprocess.Popen(command, stdout=log, stderr=log)) as server:
        redis_server.wait_until_ready(redis_server.url(port), is_alive=lambda: server.poll() is None)
        yield redis_server.url(port)


@contextmanager
def api(
    folder: Path, *, redis_url: str, config: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Client]:
    """The API as `frontier up` serves it; a client of it."""
    deployment = _deployment(folder, redis_url=redis_url, config=config, environment=environment)
    program = deployment.api()
    with _program(program) as server, closing(Client(port=deployment.port, token=TOKEN)) as client:
        _wait_until(lambda: client.answers("/health/live"), server, program.log.path)
        yield client


@contextmanager
def worker(
    folder: Path, *, redis_url: str, config: Path, environment: Mapping[str, str] | None = None
) -> Iterator[psutil.Process]:
    """A worker for the first model of *config*; its process."""
    model = Catalog.load(config).default.name
    deployment = _deployment(folder, redis_url=redis_url, config=config, environment=environment, model=model)
    [program] = deployment.workers()
    with connect(redis_url, max_connections=1) as client, _program(program) as process:
        store = JobStore(client)
        _wait_until(lambda: store.queue(model, "default").slots > 0, process, program.log.path)
        yield psutil.Process(process.pid)


@contextmanager
def running(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """End the process at the end of the block: as an operator would, and with force if that takes too long."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


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
        environment={**os.environ, **NO_LIMITS, "SHUTDOWN_GRACE_S": "1", **(environment or {})},
    )


@contextmanager
def _program(program: Program) -> Iterator[subprocess.Popen[bytes]]:
    with (
        program.log.path.open("ab") as log,
        running(
            subprocess.Popen(
                program.command, env=dict(program.environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        ) as process,
    ):
        yield process


def _wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when it holds. Raises RuntimeError, with the end of the log, if the process ends or takes too long."""
    give_up_at = time.monotonic() + START_SECONDS
    while not condition():
        if process.poll() is not None or time.monotonic() > give_up_at:
            tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"a server did not start; its log ends with:\n{tail}")
        time.sleep(0.05)
