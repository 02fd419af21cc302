from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.redis_process import RedisProcess
from tests.system.worker_process import Client, WorkerProcess, wait_for

ENDLESS = 100_000


@pytest.fixture
def make_worker(redis_url: str, tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    workers: list[WorkerProcess] = []

    def make(*, tokens_per_second: int = 200, url: str = redis_url, **env: str) -> WorkerProcess:
        worker = WorkerProcess(url, tmp_path, tokens_per_second=tokens_per_second, env=env)
        workers.append(worker)
        worker.start()
        return worker

    yield make
    for worker in workers:
        worker.stop()


@pytest.fixture
def client(redis_url: str) -> Client:
    return Client(redis_url)


def running(client: Client) -> int:
    return client.store.queue("m", "default").running


def test_nothing_in_the_broker_waits_for_an_acknowledgement(
    make_worker: Callable[..., WorkerProcess], client: Client, redis_client: Redis
) -> None:
    make_worker(tokens_per_second=20)
    ids = client.submit(12, max_tokens=20)
    wait_for(lambda: running(client) > 0)
    assert redis_client.exists("unacked", "unacked_index") == 0
    jobs = client.wait_until_final(ids)
    assert {job.state.value for job in jobs} == {"succeeded"}
    assert redis_client.exists("unacked", "unacked_index") == 0


def test_a_worker_told_to_stop_gives_its_jobs_back_uncounted(
    make_worker: Callable[..., WorkerProcess], client: Client
) -> None:
    worker = make_worker()
    ids = client.submit(12, max_tokens=ENDLESS)
    wait_for(lambda: running(client) == 10)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    jobs = client.jobs(ids)
    assert {job.state.value for job in jobs} == {"queued"}
    assert {(job.failures, job.lost_leases) for job in jobs} == {(0, 0)}
    status = client.store.queue("m", "default")
    assert (status.waiting, status.dispatched, status.workers) == (12, 0, 0)


def test_a_running_job_is_cancelled_at_once(make_worker: Callable[..., WorkerProcess], client: Client) -> None:
    make_worker()
    ids = client.submit(2, max_tokens=ENDLESS)
    wait_for(lambda: running(client) == 2)
    client.store.cancel("default", ids[0])
    [job] = client.wait_until_final(ids[:1])
    assert job.state.value == "cancelled"
    assert client.jobs(ids)[1].state.value == "running"
    client.store.cancel("default", ids[1])
    client.wait_until_final(ids)


def test_a_paused_model_s_worker_ends_what_runs_and_starts_nothing_until_it_is_resumed(
    make_worker: Callable[..., WorkerProcess], client: Client, redis_client: Redis
) -> None:
    make_worker()
    ids = client.submit(14, max_tokens=ENDLESS)
    wait_for(lambda: running(client) == 10)
    started = [job.id for job in client.jobs(ids) if job.state.value == "running"]
    client.store.set_mode("m", "paused")
    for job_id in started:
        client.store.cancel("default", job_id)
    client.wait_until_final(started)
    for _ in range(5):  # rounds of housekeeping, each of which dispatches
        last = redis_client.get("frontier:tick")
        wait_for(lambda seen=last: redis_client.get("frontier:tick") != seen)  # type: ignore[misc]
    status = client.store.queue("m", "default")
    assert (status.waiting, status.dispatched, status.running) == (4, 0, 0)
    client.store.set_mode("m", "running")
    wait_for(lambda: running(client) == 4)


def test_a_worker_that_slept_past_its_lease_goes_on_or_is_fenced(
    make_worker: Callable[..., WorkerProcess], client: Client
) -> None:
    worker = make_worker()
    ids = client.submit(1, max_tokens=ENDLESS)
    wait_for(lambda: running(client) == 1)
    worker.signal(signal.SIGSTOP)
    wait_for(lambda: client.store.sweep().stranded == [] and client.jobs(ids)[0].lost_leases == 1)
    worker.signal(signal.SIGCONT)
    wait_for(lambda: client.jobs(ids)[0].state.value == "running")
    assert client.jobs(ids)[0].lost_leases in (0, 1)
    client.store.cancel("default", ids[0])
    client.wait_until_final(ids)


def test_a_worker_that_fails_at_start_ends_instead_of_taking_messages(
    make_worker: Callable[..., WorkerProcess], redis_process: RedisProcess
) -> None:
    with Redis.from_url(redis_process.url) as redis:
        redis.execute_command("ACL", "SETUSER", "someone", "on", ">secret", "~*", "&*", "+@all", "-info")
    worker = make_worker(url=redis_process.url.replace("redis://", "redis://someone:secret@"))
    assert worker.wait() == 1
    assert "worker_cannot_start" in worker.log.read_text()


def test_missing_weights_are_named_with_what_to_do(make_worker: Callable[..., WorkerProcess], tmp_path: Path) -> None:
    config = tmp_path / "torch.yaml"
    config.write_text("models: {m: {engine: torch, path: nowhere}}")
    worker = make_worker(TRUTHGPT_CONFIG=str(config))
    assert worker.wait() == 78
    said = worker.log.read_text()
    assert "nowhere" in said
    assert "path" in said
