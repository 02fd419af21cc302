"""What one API process needs for readers who wait for jobs that nobody runs yet, and what other clients notice."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from jobs.ids import new_id
from jobs.new_job import NewJob
from jobs.store import JobStore
from scripts.benchmark import servers
from scripts.benchmark.client import Client
from scripts.benchmark.crowd import crowd
from scripts.benchmark.scripted import REQUEST, clock_config
from scripts.benchmark.slow_clients import slow_clients

TENANT = "default"
CLIENTS = 16
MANY = "100000"
CAPS_LIFTED = {"API_WORKERS": "1", "API_STREAMS_PER_KEY": MANY, "API_STREAMS_PER_PROCESS": MANY}
TOKENS_PER_SECOND = 1
LONG = replace(REQUEST, params=replace(REQUEST.params, max_tokens=1000))
FIRST_READERS = 32
"""They come and go before anything is measured: what is made once is there then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """Memory of the API process before and with the readers, its connections to Redis then.

    `health_before` and `health_with` are seconds of health checks.
    """

    bytes_before: int
    bytes_with: int
    redis_connections: int
    health_before: tuple[float, ...]
    health_with: tuple[float, ...]

    @property
    def added_megabytes(self) -> float:
        return (self.bytes_with - self.bytes_before) / 1e6


def waiting_readers(folder: Path, *, readers: int, slow: int, checks: int, checks_per_second: float) -> Waited:
    """A system of its own, whose worker is busy all the time; *slow* clients of each kind are beside the readers.

    Each reader follows another job.
    """
    folder.mkdir(parents=True)
    config = clock_config(folder, slots=1, tokens_per_second=TOKENS_PER_SECOND)
    with (
        servers.redis(folder / "redis") as redis_url,
        servers.api_and_process(folder, redis_url=redis_url, config=config, environment=CAPS_LIFTED) as (client, api),
        servers.worker(folder, redis_url=redis_url, config=config),
    ):
        crowd([LONG] * CLIENTS, client.submit, clients=CLIENTS)  # keeps the worker busy
        ids = _accept(redis_url, readers)
        process, port = _served_by(api), int(redis_url.partition("://")[2].partition("/")[0].rpartition(":")[2])
        with _reading(client, ids[:FIRST_READERS]):
            pass
        health_before = health(client, checks=checks // 2, per_second=checks_per_second)
        before = memory(process)
        with (
            _reading(client, ids),
            slow_clients(client.port, headers=slow, bodies=slow, token=servers.TOKEN),
        ):
            health_with = health(client, checks=checks, per_second=checks_per_second)
            return Waited(
                bytes_before=before,
                bytes_with=memory(process),
                redis_connections=connections(process, port),
                health_before=tuple(health_before),
                health_with=tuple(health_with),
            )


def memory(process: psutil.Process) -> int:
    """Bytes of a process, of what it shares with others its share."""
    return int(process.memory_full_info().pss)


def connections(process: psutil.Process, port: int) -> int:
    """How many a process has to a server on *port*."""
    return sum(
        one.status == psutil.CONN_ESTABLISHED and one.raddr[-1:] == (port,) for one in process.net_connections("tcp")
    )


def health(client: Client, *, checks: int, per_second: float) -> list[float]:
    """Seconds of `GET /health`, from when each is due, whether or not others have been answered."""
    with ThreadPoolExecutor(max_workers=CLIENTS) as pool:
        asked = []
        began = time.perf_counter()
        for number in range(checks):
            due_at = began + number / per_second
            time.sleep(max(0.0, due_at - time.perf_counter()))
            asked.append(pool.submit(_check, client, due_at))
        return [one.result() for one in asked]


def _check(client: Client, due_at: float) -> float:
    if not client.answers("/health"):
        raise RuntimeError("a health check was not answered with 200")
    return time.perf_counter() - due_at


@contextmanager
def _reading(client: Client, ids: Sequence[str]) -> Iterator[None]:
    """A reader for each job, who has the snapshot and waits."""
    readers: list[socket.socket] = []
    try:
        crowd(ids, lambda job_id: readers.append(_reader(client.port, job_id)), clients=CLIENTS)
        yield
    finally:
        for reader in readers:
            reader.close()


def _reader(port: int, job_id: str) -> socket.socket:
    reader = socket.create_connection(("127.0.0.1", port), timeout=60.0)
    head = f"Host: localhost\r\nAuthorization: Bearer {servers.TOKEN}\r\n"
    reader.sendall(f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\n{head}\r\n".encode())
    heard = b""
    while b"event: snapshot" not in heard:
        piece = reader.recv(65536)
        if not piece:
            raise RuntimeError(f"the stream of {job_id} ended with {heard!r}")
        heard += piece
    return reader


def _accept(redis_url: str, count: int) -> list[str]:
    ids = [new_id("job") for _ in range(count)]
    with servers.connected(redis_url) as client:
        store = JobStore(client)
        crowd(ids, lambda job_id: store.accept(NewJob(id=job_id, tenant=TENANT, request=REQUEST)), clients=4)
    return ids


def _served_by(gunicorn: psutil.Process) -> psutil.Process:
    [process] = gunicorn.children()
    return process
